"""Pictures that are files below a root folder."""

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
    """Pictures that are files below a root, with the names that identify them and their labels.

    `files` are paths below the root as the disk spells them, `names` the same paths in a form that is equal on every
    system; both are one object if they do not differ.
    """

    root: Path
    files: Names
    names: Names
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        """Return the path below the root, with slashes, in NFC, so that it is the same on every system."""
        return self.names[index]

    def stamp(self, index: int) -> int:
        """Return a hash of the file's size and modification time; may raise OSError."""
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
