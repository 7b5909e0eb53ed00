"""Pictures that are files below a folder."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.sources.names import Names
from striate.sources.source import stamp_of


@dataclass(frozen=True)
class FilePictures:
    """Pictures that are files below a root, each with the name it is known by and what is known about it.

    `files` are paths below the root as the disk has them; `names` is the same object where the two do not differ.
    """

    root: Path
    files: Names
    names: Names
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        """Return the path below the root, with slashes, in the Unicode form that is the same on every system."""
        return self.names[index]

    def stamp(self, index: int) -> int:
        """Return a number of the file's size and its time of change; may raise OSError."""
        stat = (self.root / self.files[index]).stat()
        return stamp_of(stat.st_size, stat.st_mtime_ns)

    def read(self, index: int) -> bytes:
        """Return the file's bytes."""
        with open(os.path.join(self.root, self.files[index]), "rb", buffering=0) as file:
            return file.readall()

    def subset(self, indices: NDArray[np.int64]) -> "FilePictures":
        """Return the pictures at these positions."""
        files = self.files.take(indices)
        names = files if self.names is self.files else self.names.take(indices)
        return FilePictures(self.root, files, names, self.labels[indices])


def file_pictures(
    root: Path, files: Sequence[str], names: Sequence[str], labels: NDArray[Any]
) -> FilePictures:
    """Return files below a root with their names and labels, stored compactly."""
    compact = Names(files)
    return FilePictures(root, compact, compact if list(files) == list(names) else Names(names), labels)
