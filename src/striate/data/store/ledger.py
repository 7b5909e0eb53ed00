"""The ledger of a data set: what was learned of each picture when it was decoded, kept so that it need not be again."""

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
from striate.pictures.encoded import Encoded, digest_of
from striate.pictures.facts import BAD, FACTS, SEEN, Row, bad_facts, facts_of
from striate.pictures.header import UNREADABLE, header_of
from striate.progress import Progress
from striate.sources.source import Pictures, names_of, stamps_of

# What a row says and who decoded it; ledgers of another form are made anew. The number is raised when rows change.
FORM = f"3 Pillow {PIL.__version__} simplejpeg {simplejpeg.__version__}"
# A fingerprint needs no more of a picture than this, and of a large JPEG less is decoded in half the time.
SEEN_AT = (128, 128)


@dataclass(frozen=True)
class Ledger:
    """The facts (N,) of the pictures of a split, in their order, and the reasons of those that cannot be read.

    A picture nothing is known of yet has an empty row. Threads may write different rows at once.
    """

    facts: NDArray[Any]
    reasons: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def missing(self) -> NDArray[np.int64]:
        """The pictures nothing is known of yet."""
        return np.flatnonzero((self.facts["flags"] & SEEN) == 0)

    def knows(self, index: int) -> bool:
        """Say whether anything is known of a picture."""
        return bool(self.facts["flags"][index] & SEEN)

    @property
    def readable(self) -> NDArray[np.int64]:
        """The pictures that are known and can be read."""
        return np.flatnonzero((self.facts["flags"] & (SEEN | BAD)) == SEEN)

    def enter(self, index: int, row: Row, reason: str = "") -> None:
        """Write down a row of `facts_of` or, with the reason, of `bad_facts`."""
        row["id"], row["stamp"] = self.facts["id"][index], self.facts["stamp"][index]
        self.facts[index] = row
        if reason:
            self.reasons[index] = reason

    def subset(self, indices: NDArray[np.int64]) -> "Ledger":
        """Return the rows at these positions."""
        reasons = {new: self.reasons[old] for new, old in enumerate(indices.tolist()) if old in self.reasons}
        return Ledger(self.facts[indices], reasons)


def ledger_path(cache: Path, root: str) -> Path:
    """Return where the ledger of the data set at `root` is kept."""
    return (
        cache
        / "ledgers"
        / f"{blake2b(root.encode('utf-8', 'surrogateescape'), digest_size=16).hexdigest()}.npz"
    )


def open_ledgers(splits: Mapping[str, Pictures], path: Path | None) -> dict[str, Ledger]:
    """Return a ledger for each split with what `path` remembers of pictures whose files have not changed.

    A file that is broken, or of another version, is as if there were none.
    """
    remembered = _load(path) if path else None
    return {split: _recall(pictures, remembered) for split, pictures in splits.items()}


def save_ledgers(ledgers: Iterable[Ledger], path: Path) -> None:
    """Replace the file by what these ledgers know; may raise OSError."""
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
    """Read and decode the pictures the ledger knows nothing of, with a pool of threads, and return it filled."""

    missing = ledger.missing.tolist()

    def look(place: int) -> tuple[Row, str]:
        return look_at(pictures, missing[place])

    for index, (row, reason) in zip(missing, in_order(look, len(missing), threads=threads), strict=True):
        ledger.enter(index, row, reason)
        progress.advance(1)
    return ledger


def look_at(pictures: Pictures, index: int) -> tuple[Row, str]:
    """Read and decode one picture; return its row, and why it cannot be read or nothing."""
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
    """Return the ledger of a split, with the remembered rows of files that have the same name and stamp."""
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
    """Return what a file remembers, or None where there is none that can be used."""
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
    """Return the rows that hold as long as the file does: for want of memory or of a package it may not."""
    lasting: NDArray[np.bool_] = ((ledger.facts["flags"] & SEEN) != 0) & ledger.facts["digest"].any(axis=1)
    passing = {NO_MEMORY, *missing_extras(ledger.reasons.values())}
    lasting[[index for index, reason in ledger.reasons.items() if reason in passing]] = False
    return np.flatnonzero(lasting)
