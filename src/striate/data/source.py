"""From a path or the name of a bundled data set to what it holds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from striate.data.annotation import open_table, recognise_table
from striate.data.folder import open_folder, recognise_folder
from striate.data.idx import open_idx, recognise_idx
from striate.data.npz import open_npz, recognise_npz
from striate.data.pictures import Source
from striate.data.table import SUFFIXES
from striate.errors import DataError

# Bundled data set -> its folder. A path of the same name goes first.
BUNDLED = {"fashion": Path(__file__).parent / "bundled" / "fashion"}


class Format(NamedTuple):
    """A form data sets come in: how it is recognised, the reason or nothing, and how it is opened."""

    recognise: Callable[[Path], str]
    open: Callable[[Path], Source]


# Format -> how it is read; the first that recognises a path has it.
FORMATS: dict[str, Format] = {
    "IDX": Format(recognise_idx, open_idx),
    "NumPy": Format(recognise_npz, open_npz),
    "table": Format(recognise_table, open_table),
    "class folders": Format(recognise_folder, open_folder),
}

# What a file that is a data set by itself may be called.
FILES = (*SUFFIXES, ".npz")


def place_of(path: str | Path | Source) -> str:
    """Return what a data set is known by from anywhere: its absolute path, or the name of a bundled one."""
    if isinstance(path, Source):
        path = path.root
    return str(path) if _is_bundled(path) else str(Path(path).resolve())


def shown_place(source: Source) -> str:
    """Return what a data set is called in messages and commands: its path as it was given, or its bundled name."""
    return next((name for name, root in BUNDLED.items() if root == source.root), str(source.root))


def open_source(path: str | Path | Source) -> Source:
    """Find out a data set's format and list its pictures; no picture is decoded. One that is open is returned.

    Raises DataError where there is nothing at the path, or no data set.
    """
    if isinstance(path, Source):
        return path
    root = BUNDLED[str(path)] if _is_bundled(path) else Path(path)
    if not root.exists():
        raise DataError(
            f"{path}: no such folder. Give a folder of class folders, or '{next(iter(BUNDLED))}'."
        )
    for format in FORMATS.values():
        if evidence := format.recognise(root):
            return replace(format.open(root), evidence=evidence)
    raise DataError(
        f"{path}: no data set. Give the folder that holds the class folders, or a file of these: {', '.join(FILES)}."
    )


def _is_bundled(path: str | Path) -> bool:
    return str(path) in BUNDLED and not Path(path).exists()
