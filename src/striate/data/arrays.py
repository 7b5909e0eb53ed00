"""Pictures that stand as pixels in one array."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.pictures import stamp_of


@dataclass(frozen=True)
class ArrayPictures:
    """Pictures (N, H, W) or (N, H, W, C) of one split, in memory or mapped from a file.

    `positions` are those of the pictures in `images`; `stamped` is a number that changes with the file.
    """

    split: str
    images: NDArray[Any]
    labels: NDArray[Any]
    positions: NDArray[np.int64]
    stamped: int = 0

    def __len__(self) -> int:
        return len(self.positions)

    def name(self, index: int) -> str:
        """Return split and position in the file."""
        return f"{self.split}/{self.positions[index]}"

    def stamp(self, index: int) -> int:
        """Return a number of the file's own and the position."""
        return stamp_of(self.stamped, int(self.positions[index]))

    def read(self, index: int) -> NDArray[Any]:
        """Return the pixels (H, W) or (H, W, C)."""
        pixels: NDArray[Any] = self.images[self.positions[index]]
        return pixels

    def subset(self, indices: NDArray[np.int64]) -> "ArrayPictures":
        """Return the pictures at these positions."""
        return ArrayPictures(
            self.split, self.images, self.labels[indices], self.positions[indices], self.stamped
        )
