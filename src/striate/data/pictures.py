"""What a data set holds before a pixel is decoded: pictures, their names and their labels, split by split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# A file's bytes, or the pixels of a format that stores pixels.
Encoded = bytes | NDArray[Any]


class Pictures(Protocol):
    """The pictures of one split, in a fixed order, each with its class index."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class index of each picture."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return a name that is unique in the data set: the path below its root, or split and position."""

    def read(self, index: int) -> Encoded:
        """Return a file's bytes, or pixels (H, W) or (H, W, C) where the format stores pixels; may raise OSError."""

    def subset(self, indices: NDArray[np.int64]) -> "Pictures":
        """Return the pictures at these positions."""


@dataclass(frozen=True)
class Source:
    """A data set on disk: its format, its class names and its splits ('all', or 'train' with 'val' and 'test')."""

    root: Path
    format: str
    classes: tuple[str, ...]
    splits: Mapping[str, Pictures]
    notes: Sequence[str] = ()
