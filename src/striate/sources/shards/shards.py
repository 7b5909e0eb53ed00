"""Pictures in shards: random access to the members of local or remote tar archives."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from striate.pictures.pixels import Encoded
from striate.sources.archives.tar import TarStream
from striate.sources.names import Names
from striate.sources.source import stamp_of

# Size of the parts of a shard that `pages` gives.
PAGE_BYTES = 32 << 20


class ShardFile(Protocol):
    """A shard that can be read, local or remote."""

    @property
    def place(self) -> str:
        """Its path or address."""

    @property
    def size(self) -> int:
        """Its size in bytes."""

    @property
    def stamp(self) -> int:
        """A number that changes when the shard does; may raise OSError."""

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`, fewer where the shard ends; may raise OSError."""

    def tar(self) -> AbstractContextManager[TarStream]:
        """Return a stream of its members, which reads from the start."""


@dataclass(frozen=True)
class LocalShard:
    """A shard that is a local file."""

    place: str

    @property
    def size(self) -> int:
        """The file's size."""
        return os.stat(self.place).st_size

    @property
    def stamp(self) -> int:
        """A hash of the file's size and modification time; may raise OSError."""
        stat = os.stat(self.place)
        return stamp_of(stat.st_size, stat.st_mtime_ns)

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`; opens the file each time, in microseconds, to hold no descriptor."""
        handle = os.open(self.place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(handle, size, offset)
        finally:
            os.close(handle)

    @contextmanager
    def tar(self) -> Iterator[TarStream]:
        """Return a stream of its members, which seeks past data that is not read."""
        with open(self.place, "rb", buffering=1 << 13) as file:
            yield TarStream(file.read, file.seek)


@dataclass(frozen=True)
class ShardPictures:
    """Pictures in shards: each one's name in its shard, its shard as an index into `files`, its offset and its size.

    `stems` are the shards' paths below the data set's root, without their endings.
    """

    files: Sequence[ShardFile]
    stems: Sequence[str]
    members: Names
    shards: NDArray[np.int32]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.shards)

    def name(self, index: int) -> str:
        """Return the shard's stem and the picture's name in it, such as train-000000/0001.jpg."""
        return f"{self.stems[self.shards[index]]}/{self.members[index]}"

    def stamp(self, index: int) -> int:
        """Return a hash of the shard's stamp, and the picture's offset and size; may raise OSError."""
        stamp = self.files[self.shards[index]].stamp
        return stamp_of(stamp, int(self.offsets[index]), int(self.sizes[index]))

    def read(self, index: int) -> Encoded:
        """Return the picture's bytes, or the pixels of a .npy; may raise OSError."""
        size = int(self.sizes[index])
        data = self.files[self.shards[index]].read(int(self.offsets[index]), size)
        if len(data) < size:
            raise OSError(errno.EIO, "its shard has been cut short")
        return _array(data) if data.startswith(b"\x93NUMPY") else data

    def subset(self, indices: NDArray[np.int64]) -> "ShardPictures":
        """Return the pictures at these positions."""
        return ShardPictures(
            self.files,
            self.stems,
            self.members.take(indices),
            self.shards[indices],
            self.offsets[indices],
            self.sizes[indices],
            self.labels[indices],
        )

    def pages(self) -> list[NDArray[np.int64]]:
        """Return the positions of the pictures, grouped into pages that are quick to read sequentially.

        A page is the pictures that begin in one 32 MiB part of a shard, in their order there.
        """
        order = np.lexsort((self.offsets, self.shards))
        page = np.stack([self.shards[order], self.offsets[order] // PAGE_BYTES])
        cuts = np.flatnonzero((page[:, 1:] != page[:, :-1]).any(0)) + 1
        return np.split(order, cuts) if len(order) else []


def _array(data: bytes) -> NDArray[Any]:
    try:
        pixels: NDArray[Any] = np.load(BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise OSError(errno.EIO, f"not a NumPy array ({error})") from error
    return pixels
