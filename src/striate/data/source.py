"""From a path or the name of a bundled data set to what it holds."""

from pathlib import Path

from striate.data.folder import open_folder
from striate.data.idx import is_idx, open_idx
from striate.data.pictures import Source
from striate.errors import DataError

# Bundled data set -> its folder. A path of the same name goes first.
BUNDLED = {"fashion": Path(__file__).parent / "bundled" / "fashion"}


def place_of(path: str | Path) -> str:
    """Return what a data set is known by from anywhere: its absolute path, or the name of a bundled one."""
    return str(path) if _is_bundled(path) else str(Path(path).resolve())


def open_source(path: str | Path) -> Source:
    """Find out a data set's format and list its pictures; no picture is decoded.

    Raises DataError where the path is no folder, or holds no data set.
    """
    root = BUNDLED[str(path)] if _is_bundled(path) else Path(path)
    if not root.exists():
        raise DataError(
            f"{path}: no such folder. Give a folder of class folders, or '{next(iter(BUNDLED))}'."
        )
    if not root.is_dir():
        raise DataError(f"{path}: not a folder. Give the folder that holds the class folders.")
    return open_idx(root) if is_idx(root) else open_folder(root)


def _is_bundled(path: str | Path) -> bool:
    return str(path) in BUNDLED and not Path(path).exists()
