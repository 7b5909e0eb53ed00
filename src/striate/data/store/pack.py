"""Packs: the decoded pictures of a data set in one memory-mapped file, so that each picture is decoded only once.

A pack is a folder in the cache with rows.bin, which is only appended to, and index.bin, which says which picture each
row is and is replaced atomically after the rows are written. Rows that a crash leaves without an index entry are cut
off by the next writer. Where the kernel has a boot id, writing does not wait for fsync: rows that may not be on disk
yet are trusted until the machine reboots, and the next process that opens the pack calls fsync for them. One pack
serves all splits, seeds and processes of a data set at one size.
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

# An entry of the index, for one row: the picture's id, the stamp and the digest of its file, and the kind below.
ENTRY = np.dtype([("id", "<u8"), ("stamp", "<u8"), ("digest", "u1", 16), ("kind", "u1")])
HOLE, STILL, ANIMATED = range(3)
ROWS, INDEX, LOCK = "rows.bin", "index.bin", "lock"

# Before the entries: the boot id of when the index was written, and how many rows are known to be on the disk.
HEAD = np.dtype([("boot", "u1", 16), ("settled", "<u8")])
COPIED_AT_ONCE = 1 << 24
BOOT = Path("/proc/sys/kernel/random/boot_id")

Index = NDArray[Any]


@dataclass(frozen=True)
class PackPath:
    """The folder of a pack, and the shape (H, W, C) and dtype of its rows."""

    folder: Path
    shape: tuple[int, int, int]
    dtype: str

    @property
    def row_bytes(self) -> int:
        """The size of one row in bytes."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def place_of_pack(cache: Path, root: str, *, shape: tuple[int, int, int], dtype: str, how: str) -> PackPath:
    """Return the path of the pack of the data set at `root`; `how` names all else that its pixels depend on."""
    text = f"{root}\n{shape}\n{dtype}\n{how}".encode("utf-8", "surrogateescape")
    return PackPath(cache / "packs" / blake2b(text, digest_size=16).hexdigest(), shape, dtype)


class Writer:
    """The only writer of a pack; threads may `put` rows, which become part of the pack by `keep`."""

    def __init__(self, place: PackPath) -> None:
        self.place = place
        self.index, self.settled = _read(place)
        if len(self.index) < _listed(place):
            # Rows from before a reboot, or from another machine that shares the folder and may still map them.
            _renew(place.folder / ROWS, len(self.index) * place.row_bytes)
        self._file = os.open(place.folder / ROWS, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._file, len(self.index) * place.row_bytes)  # cuts off what a crash left

    def put(self, position: int, row: NDArray[Any]) -> None:
        """Write one row at `position` after the kept rows, counted from 0; may raise OSError."""
        # Not through a memory map, where a full disk would be a signal that ends the process instead of an error.
        data = np.ascontiguousarray(row).data.cast("B")
        at = (len(self.index) + position) * self.place.row_bytes
        while data:
            written = os.pwrite(self._file, data, at)
            data, at = data[written:], at + written

    def keep(self, entries: Index) -> None:
        """Add the rows put since the last `keep` to the pack, with their index entries; may raise OSError."""
        index = np.concatenate([self.index, entries])
        os.ftruncate(self._file, len(index) * self.place.row_bytes)  # longer if the last rows are holes
        if not any(_boot()):
            os.fsync(self._file)
            self.settled = len(index)
        self._save(index)

    def settle(self) -> None:
        """Call fsync if rows of an earlier process may not be on the disk yet; may raise OSError."""
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
        """Cut off rows that were not kept, and close the file."""
        os.ftruncate(self._file, len(self.index) * self.place.row_bytes)
        os.close(self._file)


@contextmanager
def writing(place: PackPath, *, waiting: Callable[[], None]) -> Iterator[Writer]:
    """Lock a pack and give its writer; if another process holds the lock, call `waiting` and wait for it.

    Raises StorageError where the pack cannot be written, as on a full disk; rows that were kept before stay.
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
    """Return the entries of a pack that can be trusted, none where the index is missing or does not fit the rows."""
    return _read(place)[0]


def find(index: Index, ids: Ids, stamps: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the row of each picture, -1 for one that has none, could not be decoded or whose file has changed."""
    rows = places_of(ids, index["id"])  # the last row of a picture, if it has several
    held = np.flatnonzero(rows >= 0)
    entries = index[rows[held]]
    rows[held[(entries["stamp"] != stamps[held]) | (entries["kind"] == HOLE)]] = -1
    return rows


def map_rows(place: PackPath, count: int) -> NDArray[Any]:
    """Memory-map the first `count` rows of a pack as an array (count, H, W, C)."""
    if count == 0:
        return np.empty((0, *place.shape), place.dtype)
    return np.memmap(place.folder / ROWS, place.dtype, "r", shape=(count, *place.shape))


def _read(place: PackPath) -> tuple[Index, int]:
    """Return the entries that can be trusted, and how many of their rows are known to be on the disk."""
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
    """Replace a file by a copy of its first `size` bytes; processes that have mapped it keep the old one."""
    aside = path.with_name(path.name + ".tmp")
    with suppress(FileNotFoundError), path.open("rb") as old, aside.open("wb") as new:
        while size and (some := old.read(min(size, COPIED_AT_ONCE))):
            size -= new.write(some)
        new.flush()
        os.fsync(new.fileno())
        os.replace(aside, path)


def _boot() -> bytes:
    """Return the kernel's id of this boot, 16 bytes, or zeros where it has none."""
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
