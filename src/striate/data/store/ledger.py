"""The ledger of a data set: a cache of facts about each picture, so that it need not be decoded again for them."""

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import simplejpeg
from numpy.typing import NDArray

from striate.data.draw import ids_of, places_of
from striate.host.durable import write_file
from striate.host.extras import missing_extras
from striate.host.threads import in_order
from striate.pictures.decode import NO_MEMORY, BadPicture, decode
from striate.pictures.facts import BAD, FACTS, SEEN, Row, bad_facts, facts_of
from striate.pictures.header import UNREADABLE, header_of
from striate.pictures.pixels import Encoded, digest_of
from striate.progress import Progress
from striate.sources.source import Pictures, names_of, stamps_of

# The version of rows, increased when they change, and the decoders; a ledger file of another form is ignored.
FORM = f"3 Pillow {PIL.__version__} simplejpeg {simplejpeg.__version__}"
# A fingerprint needs no larger picture than this, and a large JPEG takes half the time at a reduced size.
SEEN_AT = (128, 128)


@dataclass(frozen=True)
class Ledger:
    """The facts (N,) about the pictures of a split, in their order, and why some cannot be read, by position.

    The row of a picture that was not inspected yet is empty. Threads may enter different rows at the same time.
    """

    facts: NDArray[Any]
    reasons: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def missing(self) -> NDArray[np.int64]:
        """The positions of the pictures that were not inspected yet."""
        return np.flatnonzero((self.facts["flags"] & SEEN) == 0)

    def knows(self, index: int) -> bool:
        """Say whether a picture was inspected."""
        return bool(self.facts["flags"][index] & SEEN)

    @property
    def readable(self) -> NDArray[np.int64]:
        """The positions of the pictures that were inspected and can be read."""
        return np.flatnonzero((self.facts["flags"] & (SEEN | BAD)) == SEEN)

    def enter(self, index: int, row: Row, reason: str = "") -> None:
        """Enter a picture's row of `facts_of` or, with the reason, of `bad_facts`; sets its `id` and `stamp`."""
        row["id"], row["stamp"] = self.facts["id"][index], self.facts["stamp"][index]
        self.facts[index] = row
        if reason:
            self.reasons[index] = reason

    def subset(self, indices: NDArray[np.int64]) -> "Ledger":
        """Return the rows at these positions."""
        reasons = {new: self.reasons[old] for new, old in enumerate(indices.tolist()) if old in self.reasons}
        return Ledger(self.facts[indices], reasons)


def ledger_path(cache: Path, root: str) -> Path:
    """Return the path of the ledger file of the data set at `root`."""
    return (
        cache
        / "ledgers"
        / f"{blake2b(root.encode('utf-8', 'surrogateescape'), digest_size=16).hexdigest()}.npz"
    )


def open_ledgers(splits: Mapping[str, Pictures], path: Path | None) -> dict[str, Ledger]:
    """Return a ledger for each split, filled from the file at `path` for pictures whose files have not changed.

    A damaged file, or one of another version, is ignored.
    """
    remembered = _load(path) if path else None
    return {split: _recall(pictures, remembered) for split, pictures in splits.items()}


def save_ledgers(ledgers: Iterable[Ledger], path: Path) -> None:
    """Write the rows of these ledgers to a file, replacing it; may raise OSError."""
    known = [ledger.subset(_lasting(ledger)) for ledger in ledgers]
    facts = np.concatenate([ledger.facts for ledger in known]) if known else np.zeros(0, FACTS)
    reasons = [
        (int(ledger.facts["id"][index]), reason)
        for ledger in known
        for index, reason in ledger.reasons.items()
    ]
    text = json.dumps({"form": FORM, "reasons": reasons}).encode()
    out = io.BytesIO()
    np.savez(out, facts=facts, text=np.frombuffer(text, np.uint8), allow_pickle=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, out.getvalue())


def inspect(pictures: Pictures, ledger: Ledger, *, threads: int, progress: Progress) -> Ledger:
    """Inspect the pictures that are missing in the ledger with a pool of threads, and return the ledger, now filled."""

    missing = ledger.missing.tolist()

    def look(place: int) -> tuple[Row, str]:
        return look_at(pictures, missing[place])

    for index, (row, reason) in zip(missing, in_order(look, len(missing), threads=threads), strict=True):
        ledger.enter(index, row, reason)
        progress.advance(1)
    return ledger


def look_at(pictures: Pictures, index: int) -> tuple[Row, str]:
    """Read and decode one picture; return its row, and the reason it cannot be read or ''."""
    encoded: Encoded | None = None
    try:
        encoded = pictures.read(index)
        header = header_of(encoded) or UNREADABLE
        pixels = decode(encoded, channels=header.bands, depth=header.depth, at_least=SEEN_AT)
        return facts_of(encoded, pixels, name=pictures.name(index), digest=digest_of(encoded)), ""
    except (BadPicture, OSError) as error:
        reason = error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
        digest = None if encoded is None else digest_of(encoded)
        return bad_facts(encoded, digest=digest), reason


def _recall(pictures: Pictures, remembered: Ledger | None) -> Ledger:
    """Return the ledger of a split, with the remembered rows of pictures whose name and stamp are the same."""
    facts = np.zeros(len(pictures), FACTS)
    facts["id"] = ids_of(names_of(pictures))
    facts["stamp"] = stamps_of(pictures)
    ledger = Ledger(facts)
    if remembered is None:
        return ledger
    at = places_of(facts["id"], remembered.facts["id"])
    known = np.flatnonzero((at >= 0) & (facts["stamp"] != 0))
    same = known[remembered.facts["stamp"][at[known]] == facts["stamp"][known]]
    facts[same] = remembered.facts[at[same]]
    for index in same[(facts["flags"][same] & BAD) != 0].tolist():
        ledger.reasons[index] = remembered.reasons.get(int(at[index]), "")
    return ledger


def _load(path: Path) -> Ledger | None:
    """Return the rows in a ledger file as one ledger, or None where there is no usable file."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            facts, text = kept["facts"], json.loads(kept["text"].tobytes())
        if text["form"] != FORM or facts.dtype != FACTS or facts.ndim != 1:
            return None
        place = {identity: index for index, identity in enumerate(facts["id"].tolist())}
        return Ledger(facts, {place[int(identity)]: str(reason) for identity, reason in text["reasons"]})
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _lasting(ledger: Ledger) -> NDArray[np.int64]:
    """Return the rows worth saving, without failures that may pass: unread files, lack of memory, a missing package."""
    lasting: NDArray[np.bool_] = ((ledger.facts["flags"] & SEEN) != 0) & ledger.facts["digest"].any(axis=1)
    passing = {NO_MEMORY, *missing_extras(ledger.reasons.values())}
    lasting[[index for index, reason in ledger.reasons.items() if reason in passing]] = False
    return np.flatnonzero(lasting)
