"""What a data set holds before a pixel is decoded: pictures, their names and their labels, split by split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from striate.pictures.encoded import Encoded
from striate.sources.names import Names
from striate.sources.targets.task_name import ONE_CLASS, TaskName


class Pictures(Protocol):
    """The pictures of one split, in a fixed order, each with what is known about it."""

    @property
    def labels(self) -> NDArray[Any]:
        """The class index of each picture (N,) int64; 0 or 1 for each label (N, K) uint8; or numbers (N, T) float32."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return a name that is unique in the data set: the path below its root, or split and position."""

    def stamp(self, index: int) -> int:
        """Return a 64-bit number that is another one once the picture's file has changed; may raise OSError."""

    def read(self, index: int) -> Encoded:
        """Return a file's bytes, or pixels (H, W) or (H, W, C) where the format stores pixels; may raise OSError."""

    def subset(self, indices: NDArray[np.int64]) -> "Pictures":
        """Return the pictures at these positions."""


@dataclass(frozen=True)
class Bad:
    """A picture that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Source:
    """A data set: where it is, its format, its class names and its splits ('all', or 'train' with 'val' and 'test').

    `root` is a path, or an address such as https://… . `classes` are the names of classes, of labels, or of the
    numbers, as `task` says. `evidence` says by what the format was recognised.
    """

    root: Path | str
    format: str
    classes: tuple[str, ...]
    splits: Mapping[str, Pictures]
    notes: Sequence[str] = ()
    task: TaskName = ONE_CLASS
    evidence: str = ""


@runtime_checkable
class Named(Protocol):
    """Pictures that have their names at hand."""

    names: Names


def names_of(pictures: Pictures) -> Names:
    """Return the name of every picture, in order; their own where they have them, since a million take 50 MB."""
    if isinstance(pictures, Named) and isinstance(pictures.names, Names):
        return pictures.names
    return Names(pictures.name(i) for i in range(len(pictures)))


def stamps_of(pictures: Pictures) -> NDArray[np.uint64]:
    """Return the stamp of every picture, 0 for one that has none, since its file is gone."""

    def stamp(index: int) -> int:
        try:
            return pictures.stamp(index)
        except OSError:
            return 0

    return np.fromiter(map(stamp, range(len(pictures))), np.uint64, count=len(pictures))


def stamp_of(*facts: int) -> int:
    """Return a 64-bit number that stands for whole numbers about a file, such as its size and time of change."""
    return hash(facts) & 0xFFFF_FFFF_FFFF_FFFF


def learned_pictures(splits: Mapping[str, Pictures]) -> Pictures:
    """Return the pictures to learn from, any where it is not said which."""
    return splits["train"] if "train" in splits else next(iter(splits.values()))
