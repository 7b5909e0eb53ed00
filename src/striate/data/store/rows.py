"""Where the decoded pictures of a split are: in memory, in a pack on disk, or made anew each time."""

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
        """Return the pixels (B, H, W, C) of the pictures at these positions, the caller's own."""

    def subset(self, indices: Indices) -> "Rows":
        """Return the rows at these positions."""


@dataclass(frozen=True)
class HeldRows:
    """Rows of an array (M, H, W, C), in memory or mapped from a pack; `places` are their positions in it."""

    array: NDArray[Any]
    places: Indices

    def __len__(self) -> int:
        return len(self.places)

    def take(self, indices: Indices) -> NDArray[Any]:
        """Return copies of rows."""
        return np.take(self.array, self.places[indices], axis=0)

    def subset(self, indices: Indices) -> "HeldRows":
        """Return the rows at these positions; the array is shared."""
        return HeldRows(self.array, self.places[indices])


@dataclass(frozen=True)
class DecodedRows:
    """Rows read and decoded each time, for sets that neither memory nor disk can hold decoded."""

    pictures: Pictures
    preprocess: Preprocess
    threads: int

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, indices: Indices) -> NDArray[Any]:
        """Read and decode some pictures; raises DataError for one that could be read when training began."""
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
