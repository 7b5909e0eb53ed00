"""Packs: the decoded pictures of a data set in one file, so that a picture is decoded once and then read as a page.

A pack is a folder of the cache with rows.bin, which only ever grows, and index.bin, which says of each row what
picture it is and is replaced in one step after the rows are written. A crash leaves rows that no index names, and the
next writer cuts them off. Nobody waits for the disk: rows that may not have reached it yet are trusted until the
machine is started anew, and the next process that opens the pack makes sure of them. One pack serves every split, seed
and process of a data set at one size.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.draw import Ids, places_of
from striate.errors import StorageError
from striate.host.durable import write_file

# What the index says of each row: whose it is, of what state of the file, and the digest of the file's content.
ENTRY = np.dtype([("id", "<u8"), ("stamp", "<u8"), ("digest", "u1", 16), ("kind", "u1")])
HOLE, STILL, ANIMATED = range(3)
ROWS, INDEX, LOCK = "rows.bin", "index.bin", "lock"

# Before the entries: the boot during which rows were last written, and how many had surely reached the disk by then.
HEAD = np.dtype([("boot", "u1", 16), ("settled", "<u8")])
COPIED_AT_ONCE = 1 << 24
BOOT = Path("/proc/sys/kernel/random/boot_id")

Index = NDArray[Any]


@dataclass(frozen=True)
class PackPath:
    """Where the pack of a data set is, and the shape (H, W, C) and type of its rows."""

    folder: Path
    shape: tuple[int, int, int]
    dtype: str

    @property
    def row_bytes(self) -> int:
        """The size of one picture."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def place_of_pack(cache: Path, root: str, *, shape: tuple[int, int, int], dtype: str, how: str) -> PackPath:
    """Return where the pack of the data set at `root` is; `how` names everything else that decides the pixels."""
    text = f"{root}\n{shape}\n{dtype}\n{how}".encode("utf-8", "surrogateescape")
    return PackPath(cache / "packs" / blake2b(text, digest_size=16).hexdigest(), shape, dtype)


class Writer:
    """The one writer of a pack. Rows are written from any thread, and become part of the pack by `keep`."""

    def __init__(self, place: PackPath) -> None:
        self.place = place
        self.index, self.settled = _read(place)
        if len(self.index) < _listed(place):
            # By another start, of this machine or of one that has the same folder, where they may still be mapped.
            _renew(place.folder / ROWS, len(self.index) * place.row_bytes)
        self._file = os.open(place.folder / ROWS, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._file, len(self.index) * place.row_bytes)  # what a crash left behind

    def put(self, position: int, row: NDArray[Any]) -> None:
        """Write one row behind those kept, at `position` counted from the first of them; may raise OSError."""
        # Written, not mapped: a full disk then is an error and not a signal that ends the process.
        data = np.ascontiguousarray(row).data.cast("B")
        at = (len(self.index) + position) * self.place.row_bytes
        while data:
            written = os.pwrite(self._file, data, at)
            data, at = data[written:], at + written

    def keep(self, entries: Index) -> None:
        """Make the rows put since the last `keep` part of the pack; may raise OSError."""
        index = np.concatenate([self.index, entries])
        os.ftruncate(self._file, len(index) * self.place.row_bytes)  # longer where the last ones are holes
        if not any(_boot()):
            os.fsync(self._file)
            self.settled = len(index)
        self._save(index)

    def settle(self) -> None:
        """Make sure that the rows an earlier process wrote are on the disk; may raise OSError."""
        if self.settled < len(self.index):
            os.fsync(self._file)
            self.settled = len(self.index)
            self._save(self.index)

    def _save(self, index: Index) -> None:
        head = np.zeros((), HEAD)
        head["boot"], head["settled"] = np.frombuffer(_boot(), np.uint8), self.settled
        write_file(self.place.folder / INDEX, head.tobytes() + index.tobytes())
        self.index = index

    def close(self) -> None:
        """Cut off what was not kept and close the file."""
        os.ftruncate(self._file, len(self.index) * self.place.row_bytes)
        os.close(self._file)


@contextmanager
def writing(place: PackPath, *, waiting: Callable[[], None]) -> Iterator[Writer]:
    """Be the one writer of a pack; where another process is, call `waiting` and wait for it to end.

    Raises StorageError where the pack cannot be written, as on a full disk; what was kept before stays.
    """
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
        with (place.folder / LOCK).open("wb") as lock:
            _locked(lock.fileno(), waiting)
            writer = Writer(place)
            try:
                yield writer
            finally:
                writer.close()
    except OSError as error:
        raise StorageError(f"{place.folder}: no pack can be written ({error.strerror})") from error


def read_index(place: PackPath) -> Index:
    """Return what a pack's index says, or nothing where there is none, or the rows are fewer than it says."""
    return _read(place)[0]


def find(index: Index, ids: Ids, stamps: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the row of each picture, -1 for one that has none or whose file has changed since."""
    rows = places_of(ids, index["id"])  # of rows of one picture the last
    held = np.flatnonzero(rows >= 0)
    entries = index[rows[held]]
    rows[held[(entries["stamp"] != stamps[held]) | (entries["kind"] == HOLE)]] = -1
    return rows


def map_rows(place: PackPath, count: int) -> NDArray[Any]:
    """Return the rows of a pack as an array (count, H, W, C) whose pages are read when they are touched."""
    if count == 0:
        return np.empty((0, *place.shape), place.dtype)
    return np.memmap(place.folder / ROWS, place.dtype, "r", shape=(count, *place.shape))


def _read(place: PackPath) -> tuple[Index, int]:
    """Return the entries that can be trusted, and how many of them are surely on the disk."""
    try:
        data = (place.folder / INDEX).read_bytes()
        rows = (place.folder / ROWS).stat().st_size // place.row_bytes
    except FileNotFoundError:
        return np.empty(0, ENTRY), 0
    entries = (len(data) - HEAD.itemsize) // ENTRY.itemsize
    if entries < 0 or len(data) != HEAD.itemsize + entries * ENTRY.itemsize or entries > rows:
        return np.empty(0, ENTRY), 0
    head, index = np.frombuffer(data, HEAD, 1)[0], np.frombuffer(data, ENTRY, offset=HEAD.itemsize)
    settled = min(int(head["settled"]), entries)
    return (index, settled) if head["boot"].tobytes() == _boot() else (index[:settled], settled)


def _listed(place: PackPath) -> int:
    """Return how many entries the index has, whether or not they can be trusted."""
    try:
        return ((place.folder / INDEX).stat().st_size - HEAD.itemsize) // ENTRY.itemsize
    except FileNotFoundError:
        return 0


def _renew(path: Path, size: int) -> None:
    """Put a copy of a file's first `size` bytes in its place; whoever has mapped the file keeps it as it was."""
    aside = path.with_name(path.name + ".tmp")
    with suppress(FileNotFoundError), path.open("rb") as old, aside.open("wb") as new:
        while size and (some := old.read(min(size, COPIED_AT_ONCE))):
            size -= new.write(some)
        new.flush()
        os.fsync(new.fileno())
        os.replace(aside, path)


def _boot() -> bytes:
    """Return what tells this start of the machine from every other, or zeros where nothing does."""
    try:
        return bytes.fromhex(BOOT.read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)


def _locked(descriptor: int, waiting: Callable[[], None]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
