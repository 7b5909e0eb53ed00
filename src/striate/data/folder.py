"""Folders of pictures: one folder a class, flat or below train/, val/ and test/."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.data.pictures import Pictures, Source
from striate.errors import DataError

# The folder names that mean a split, in lower case.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
# What a picture's file may be called. What the file really is, its content decides.
SUFFIXES = {
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".bmp",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    "",
}


@dataclass(frozen=True)
class FolderPictures:
    """Pictures that are files below a root."""

    root: Path
    files: Sequence[str]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        """Return the path below the root, with slashes."""
        return self.files[index]

    def read(self, index: int) -> bytes:
        """Return the file's bytes."""
        return (self.root / self.files[index]).read_bytes()

    def subset(self, indices: NDArray[np.int64]) -> "FolderPictures":
        """Return the pictures at these positions."""
        return FolderPictures(self.root, [self.files[i] for i in indices], self.labels[indices])


def open_folder(root: Path) -> Source:
    """List a folder of class folders without opening a picture.

    Raises DataError where there is no class folder, no picture, or only one class.
    """
    splits = _split_folders(root)
    found = {split: _pictures_by_class(root, folder) for split, folder in splits.items()}
    ignored = sum(skipped for _, skipped in found.values())
    names = _class_names(root, {split: set(by_class) for split, (by_class, _) in found.items()})
    _refuse_too_little(
        root, names, sum(len(files) for by_class, _ in found.values() for files in by_class.values())
    )
    notes = [f"{ignored} files that are not pictures by their names were left out"] if ignored else []
    notes += [
        f"class '{name}' has no pictures"
        for name in names
        if not any(by_class.get(name) for by_class, _ in found.values())
    ]
    pictures = {split: _folder_pictures(root, names, by_class) for split, (by_class, _) in found.items()}
    return Source(root, "class folders", names, pictures, notes)


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key by which '2' comes before '10'."""
    return [(0, int(t), "") if t.isdecimal() else (1, 0, t) for t in re.findall(r"[0-9]+|[^0-9]+", name)]


def _split_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each split, or the root itself as 'all' where there is no train folder."""
    folders = _subfolders(root)
    splits = {SPLIT_NAMES[f.name.lower()]: f for f in folders if f.name.lower() in SPLIT_NAMES}
    if "train" in splits and len(splits) > 1:
        return splits
    return {"all": root}


def _subfolders(folder: Path) -> list[Path]:
    """Return the visible folders inside a folder."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__MACOSX")))


def _pictures_by_class(root: Path, folder: Path) -> tuple[dict[str, list[str]], int]:
    """Return class name -> picture files below root, and how many other files were left out.

    The identity of a class name is its NFC form, so that one class written in two Unicode forms is one class;
    files keep the form the disk has.
    """
    by_class: dict[str, list[str]] = defaultdict(list)
    left_out = 0
    for class_folder in _subfolders(folder):
        files, skipped = _walk(root, class_folder)
        by_class[unicodedata.normalize("NFC", class_folder.name)] += files
        left_out += skipped
    return dict(by_class), left_out


def _walk(root: Path, folder: Path) -> tuple[list[str], int]:
    """Return the picture files below a folder, links followed once, and how many other files there are."""
    files: list[str] = []
    skipped = 0
    seen: set[str] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        pictures = [n for n in names if not n.startswith(".") and os.path.splitext(n)[1].lower() in SUFFIXES]
        skipped += sum(not n.startswith(".") for n in names) - len(pictures)
        files += [Path(here, name).relative_to(root).as_posix() for name in sorted(pictures)]
    return files, skipped


def _class_names(root: Path, found: dict[str, set[str]]) -> tuple[str, ...]:
    """Return the classes in natural order; a class that is only outside train/ is refused."""
    learned = found.get("train", found.get("all", set()))
    for split, names in found.items():
        if extra := sorted(names - learned):
            raise DataError(
                f"{root}: {split}/ has class '{extra[0]}', which train/ has not. "
                "Every class must have a folder in train/."
            )
    return tuple(sorted(learned, key=natural))


def _refuse_too_little(root: Path, names: tuple[str, ...], pictures: int) -> None:
    """Raise DataError where there is nothing to learn to tell apart."""
    wanted = "Wanted: one folder a class, with JPEG or PNG files in each, or the same below train/, val/ and test/."
    if pictures == 0:
        raise DataError(f"{root}: no pictures in it. {wanted}")
    if len(names) == 1:
        raise DataError(f"{root}: only one class, '{names[0]}'; a classifier needs two or more. {wanted}")


def _folder_pictures(root: Path, names: tuple[str, ...], by_class: dict[str, list[str]]) -> Pictures:
    """Return one split's pictures, class after class."""
    files = [file for name in names for file in by_class.get(name, [])]
    counts = [len(by_class.get(name, [])) for name in names]
    return FolderPictures(root, files, np.repeat(np.arange(len(names)), counts))
