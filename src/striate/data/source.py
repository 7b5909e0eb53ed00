"""From a path or the name of a bundled data set to what it holds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from striate.data.folder import open_folder, recognise_folder
from striate.data.idx import open_idx, recognise_idx
from striate.data.pictures import Source
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
    "class folders": Format(recognise_folder, open_folder),
}


def place_of(path: str | Path) -> str:
    """Return what a data set is known by from anywhere: its absolute path, or the name of a bundled one."""
    return str(path) if _is_bundled(path) else str(Path(path).resolve())


def shown_place(source: Source) -> str:
    """Return what a data set is called in messages and commands: its path as it was given, or its bundled name."""
    return next((name for name, root in BUNDLED.items() if root == source.root), str(source.root))


def open_source(path: str | Path) -> Source:
    """Find out a data set's format and list its pictures; no picture is decoded.

    Raises DataError where the path is no folder, or holds no data set.
    """
    root = BUNDLED[str(path)] if _is_bundled(path) else Path(path)
    if not root.exists():
        raise DataError(
            f"{path}: no such folder. Give a folder of class folders, or '{next(iter(BUNDLED))}'."
        )
    for format in FORMATS.values():
        if evidence := format.recognise(root):
            return replace(format.open(root), evidence=evidence)
    raise DataError(f"{path}: not a folder. Give the folder that holds the class folders.")


def _is_bundled(path: str | Path) -> bool:
    return str(path) in BUNDLED and not Path(path).exists()
