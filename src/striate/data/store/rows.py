"""Access to the decoded pictures of a split: in memory, in a pack on disk, or decoded each time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from striate.data.draw import Indices
from striate.errors import DataError
from striate.host.threads import pool_of
from striate.pictures.decode import BadPicture
from striate.pictures.preprocess import Preprocess
from striate.sources.source import Pictures


class Rows(Protocol):
    """Decoded pictures by position, all of one shape (H, W, C) and one type, uint8 or uint16."""

    def __len__(self) -> int: ...

    def take(self, indices: Indices) -> NDArray[Any]:
        """Return a copy of the pixels (B, H, W, C) at these positions."""

    def subset(self, indices: Indices) -> "Rows":
        """Return the rows at these positions."""


@dataclass(frozen=True)
class HeldRows:
    """Rows of an array (M, H, W, C), in memory or memory-mapped from a pack; `places` (N,) are indices into it."""

    array: NDArray[Any]
    places: Indices

    def __len__(self) -> int:
        return len(self.places)

    def take(self, indices: Indices) -> NDArray[Any]:
        """Return copies of the rows (B, H, W, C) at these positions."""
        return np.take(self.array, self.places[indices], axis=0)

    def subset(self, indices: Indices) -> "HeldRows":
        """Return the rows at these positions; the array is shared."""
        return HeldRows(self.array, self.places[indices])


@dataclass(frozen=True)
class DecodedRows:
    """Rows that are decoded each time they are taken, for data sets that fit decoded neither in memory nor on disk."""

    pictures: Pictures
    preprocess: Preprocess
    threads: int

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, indices: Indices) -> NDArray[Any]:
        """Read and decode the pictures at these positions; raises DataError for one that can no longer be read."""
        return np.stack(list(self._pool.map(self._row, indices.tolist())))

    def subset(self, indices: Indices) -> "DecodedRows":
        """Return the rows at these positions."""
        return DecodedRows(self.pictures.subset(indices), self.preprocess, self.threads)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return pool_of(self.threads, name="decode")

    def _row(self, index: int) -> NDArray[Any]:
        try:
            return self.preprocess.row(self.pictures.read(index))
        except (BadPicture, OSError) as error:
            raise DataError(
                f"{self.pictures.name(index)}: cannot be read any more ({error}). Put the file back and go on."
            ) from error
