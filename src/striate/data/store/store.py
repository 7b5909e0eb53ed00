"""The decoded pictures of one split with their labels, and the functions that fill it before training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.draw import Ids, Indices, ids_of
from striate.data.store.eviction import make_room, mark_used
from striate.data.store.ledger import Ledger
from striate.data.store.pack import ANIMATED, ENTRY, HOLE, STILL, PackPath, Writer, find, map_rows, writing
from striate.data.store.rows import DecodedRows, HeldRows, Rows
from striate.host.threads import in_order
from striate.pictures.decode import BadPicture
from striate.pictures.facts import facts_of
from striate.pictures.header import is_animated
from striate.pictures.pixels import DIGEST_BYTES, TOP, digest_of
from striate.pictures.preprocess import Preprocess, shallow
from striate.progress import Progress
from striate.sources.names import Names
from striate.sources.source import Bad as Bad
from striate.sources.source import Pictures, names_of, stamps_of

# Pictures that `mean_and_std` takes at a time.
CHUNK = 512
# Bytes of rows after which a pack's index is written: the most work that a crash loses.
KEPT_EACH = 1 << 30
# The most pictures that `mean_and_std` looks at.
LOOKED_AT = 20_000


@dataclass(frozen=True)
class Store:
    """Decoded pictures of one shape with labels, names and digests (N, 16); `bad` lists those that were left out."""

    rows: Rows
    labels: Tensor
    names: Names
    digests: NDArray[np.uint8]
    bad: tuple[Bad, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def ids(self) -> Ids:
        """The id of each picture, which random draws depend on."""
        return ids_of(self.names)

    @property
    def images(self) -> Tensor:
        """A copy of all pictures (N, C, H, W), as `take` returns them."""
        return self.take(np.arange(len(self)))

    def take(self, indices: Indices) -> Tensor:
        """Return a copy of pictures (B, C, H, W): uint8, or float32 in 0..255 for 16-bit ones."""
        return shallow(torch.from_numpy(self.rows.take(indices))).permute(0, 3, 1, 2)

    def subset(self, indices: Indices) -> "Store":
        """Return the pictures at these positions, with `bad` empty."""
        return Store(
            self.rows.subset(indices), self.labels[indices], self.names.take(indices), self.digests[indices]
        )


class Decoded(NamedTuple):
    """The result of decoding one picture: its digest, the reason of a failure or '', and whether it is animated."""

    digest: bytes = bytes(DIGEST_BYTES)
    reason: str = ""
    animated: bool = False


class Decoder:
    """Reads and decodes pictures with a pool of threads, and records which failed and which are animated."""

    def __init__(
        self,
        pictures: Pictures,
        preprocess: Preprocess,
        *,
        threads: int,
        progress: Progress,
        ledger: Ledger | None = None,
    ) -> None:
        self.pictures = pictures
        self.ledger = ledger
        self.preprocess = preprocess
        self.threads = threads
        self.progress = progress
        self.bad: dict[int, str] = {}
        self.moving: list[int] = []

    def run(self, indices: Indices, put: Callable[[int, NDArray[Any]], None]) -> NDArray[np.uint8]:
        """Decode the pictures at `indices`, pass the place in `indices` and the row to `put`, return digests (N, 16).

        Threads call `put`, in any order; it is not called for pictures that fail.
        """

        def load(place: int) -> Decoded:
            """Decode one picture and pass its row to `put`."""
            index, digest = int(indices[place]), bytes(DIGEST_BYTES)
            try:
                encoded = self.pictures.read(index)
                digest = digest_of(encoded)
                decoded = self.preprocess.decoded(encoded)
            except BadPicture as error:
                return Decoded(digest, str(error))
            except OSError as error:
                return Decoded(digest, error.strerror or type(error).__name__)
            put(place, self.preprocess.fitted(decoded))
            if self.ledger is not None and not self.ledger.knows(index):
                name = self.pictures.name(index)
                self.ledger.enter(index, facts_of(encoded, decoded, name=name, digest=digest))
            return Decoded(digest, animated=is_animated(encoded))

        digests = np.zeros((len(indices), DIGEST_BYTES), np.uint8)
        for place, outcome in enumerate(in_order(load, len(indices), threads=self.threads)):
            digests[place] = np.frombuffer(outcome.digest, np.uint8)
            if outcome.reason:
                self.bad[int(indices[place])] = outcome.reason
            if outcome.animated:
                self.moving.append(int(indices[place]))
            self.progress.advance(1)
        return digests

    def tell(self) -> None:
        """Note to the user that only the first frame of animations is used."""
        if self.moving:
            one = self.pictures.name(min(self.moving))
            self.progress.say(
                f"note: of {len(self.moving)} animations only the first frame is taken; one is {one}"
            )

    def store(self, rows: Rows, digests: NDArray[np.uint8]) -> Store:
        """Return a store of the pictures that could be decoded, given rows and digests of all pictures."""
        pictures, labels = self.pictures, self.pictures.labels
        names = names_of(pictures)
        bad = tuple(Bad(names[i], reason) for i, reason in sorted(self.bad.items()))
        if not bad:
            return Store(rows, torch.from_numpy(np.ascontiguousarray(labels)), names, digests)
        kept = np.setdiff1d(np.arange(len(pictures)), np.fromiter(self.bad, np.int64, len(self.bad)))
        whole = Store(rows, torch.from_numpy(np.ascontiguousarray(labels)), names, digests).subset(kept)
        return Store(whole.rows, whole.labels, whole.names, whole.digests, bad)


def fill(
    pictures: Pictures,
    preprocess: Preprocess,
    *,
    threads: int,
    progress: Progress,
    ledger: Ledger | None = None,
    keep: bool = True,
) -> Store:
    """Read and decode every picture into memory; those that cannot be decoded are listed in `bad`.

    With `keep=False` the rows are not kept: pictures are decoded now to find the bad ones, and again each time they are
    taken. Facts about those that can be decoded are entered into `ledger`.
    """
    decoder = Decoder(pictures, preprocess, threads=threads, progress=progress, ledger=ledger)
    everything = np.arange(len(pictures))
    if keep:
        array = np.empty((len(pictures), *preprocess.shape), preprocess.dtype)
        rows: Rows = HeldRows(array, everything)
        digests = decoder.run(everything, array.__setitem__)
    else:
        rows = DecodedRows(pictures, preprocess, threads)
        digests = decoder.run(everything, lambda place, row: None)
    decoder.tell()
    return decoder.store(rows, digests)


def fill_packed(
    pictures: Pictures,
    preprocess: Preprocess,
    place: PackPath,
    *,
    threads: int,
    progress: Progress,
    ledger: Ledger | None = None,
) -> Store:
    """Return the pictures as rows of a pack, after decoding those that it lacks into it.

    Raises StorageError where there is no room or the pack cannot be written; rows that were written before stay in it.
    """
    decoder = Decoder(pictures, preprocess, threads=threads, progress=progress, ledger=ledger)
    if ledger is None:
        ids, stamps = ids_of(names_of(pictures)), stamps_of(pictures)
    else:  # the ledger has read the stamp of every file already
        ids, stamps = ledger.facts["id"], ledger.facts["stamp"]

    def waiting() -> None:
        progress.say("another process is packing these pictures; waiting for it")

    with writing(place, waiting=waiting) as writer:
        missing = np.flatnonzero(find(writer.index, ids, stamps) < 0)
        writer.settle()
        if len(missing):
            make_room(place, len(missing) * place.row_bytes)
        progress.advance(len(pictures) - len(missing))
        for chunk in _chunks(missing, max(1, KEPT_EACH // place.row_bytes)):
            _append(writer, decoder, chunk, (ids, stamps))
        index = writer.index
        array = map_rows(place, len(index))
    mark_used(place)
    found = find(index, ids, stamps)
    decoder.moving = np.flatnonzero((found >= 0) & (index["kind"][found] == ANIMATED)).tolist()
    decoder.tell()
    return decoder.store(HeldRows(array, found), index["digest"][found])


def _append(writer: Writer, decoder: Decoder, chunk: Indices, known: tuple[Ids, NDArray[np.uint64]]) -> None:
    """Decode some pictures into a pack, and add their rows and index entries to it."""
    entries = np.zeros(len(chunk), ENTRY)
    entries["id"], entries["stamp"] = (column[chunk] for column in known)
    entries["digest"] = decoder.run(chunk, writer.put)
    moving = set(decoder.moving)
    entries["kind"] = [
        HOLE if i in decoder.bad else ANIMATED if i in moving else STILL for i in chunk.tolist()
    ]
    writer.keep(entries)


def _chunks(indices: Indices, size: int) -> Iterator[Indices]:
    return (indices[start : start + size] for start in range(0, len(indices), size))


def mean_and_std(store: Store) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return each channel's mean and standard deviation on the scale 0..1, rounded to 4 digits.

    They are those of at most LOOKED_AT pictures, evenly spread over the store; a deviation is 0.01 at least.
    """
    chosen = np.unique(np.linspace(0, len(store) - 1, LOOKED_AT).astype(np.int64))
    first = store.rows.take(chosen[:1])
    top = TOP[8 if first.dtype == np.uint8 else 16]
    counts = np.zeros((first.shape[3], top + 1), np.int64)
    for some in _chunks(chosen, CHUNK):
        rows = store.rows.take(some)
        for channel, tally in enumerate(counts):
            tally += np.bincount(rows[..., channel].ravel(), minlength=top + 1)
    shares = counts / counts.sum(1, keepdims=True)
    values = np.arange(top + 1) / top
    means = shares @ values
    stds = ((values - means[:, None]) ** 2 * shares).sum(1) ** 0.5
    return tuple(map(_rounded, means)), tuple(max(_rounded(std), 0.01) for std in stds)


def _rounded(value: float) -> float:
    return round(float(value), 4)
