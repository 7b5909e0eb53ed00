"""A data set before a pixel is decoded: the pictures of each split with their names and labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from striate.pictures.pixels import Encoded
from striate.sources.names import Names
from striate.sources.targets.task_name import ONE_CLASS, TaskName


class Pictures(Protocol):
    """The pictures of one split with their labels, in a fixed order."""

    @property
    def labels(self) -> NDArray[Any]:
        """Class indices (N,) int64; or 0 and 1 for each label (N, K) uint8; or regression targets (N, T) float32."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Return a name that is unique in the data set, such as a path below its root, or split and position."""

    def stamp(self, index: int) -> int:
        """Return a 64-bit number that changes when the picture's file does; may raise OSError."""

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
    regression targets, as `task` says. `evidence` says how the format was recognised.
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
    """Pictures that hold all their names, so that these need not be collected one by one."""

    names: Names


def names_of(pictures: Pictures) -> Names:
    """Return the name of every picture, in order; pictures that are `Named` share theirs, as a million take 50 MB."""
    if isinstance(pictures, Named) and isinstance(pictures.names, Names):
        return pictures.names
    return Names(pictures.name(i) for i in range(len(pictures)))


def stamps_of(pictures: Pictures) -> NDArray[np.uint64]:
    """Return the stamp (N,) of every picture, 0 where it raises OSError, as for a file that is gone."""

    def stamp(index: int) -> int:
        try:
            return pictures.stamp(index)
        except OSError:
            return 0

    return np.fromiter(map(stamp, range(len(pictures))), np.uint64, count=len(pictures))


def stamp_of(*facts: int) -> int:
    """Return a 64-bit hash of integers that describe a file, such as its size and modification time."""
    return hash(facts) & 0xFFFF_FFFF_FFFF_FFFF


def learned_pictures(splits: Mapping[str, Pictures]) -> Pictures:
    """Return the pictures to learn from, any where it is not said which."""
    return splits["train"] if "train" in splits else next(iter(splits.values()))
