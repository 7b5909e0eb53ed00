"""Parquet files of pictures, as Hugging Face keeps data sets: which files of a folder those are, and their splits."""

import re
from pathlib import Path
from typing import NamedTuple

from striate.errors import DataError
from striate.host.extras import load_leaf
from striate.pictures.kind import is_picture
from striate.sources.folders.walk import files_ending, first_names, folders_in
from striate.sources.naming import SPLIT_NAMES, some, split_in
from striate.sources.source import Source

SUFFIX = ".parquet"
# How deep its files may lie: data/train-00000-of-00005.parquet, default/train/0000.parquet.
DEPTH = 3
# How many folders of a folder, and how many entries of each, are looked at to find out.
MOST = 16
PEEKED = 32


class ParquetFile(NamedTuple):
    """A file, and the split that its name or its folder's says, '' if none."""

    path: Path
    split: str


def recognise_parquet(root: Path) -> str:
    """Return the file by which a path is a Parquet file, or a folder has some, or nothing."""
    if root.is_file():
        return f"its name ends in {root.suffix}" if root.suffix.lower() == SUFFIX else ""
    files = _files(root) if root.is_dir() else []
    return f"it holds {files[0].relative_to(root)}" if files else ""


def open_parquet(root: Path) -> Source:
    """Read the labels of Parquet files; the pictures in them are read when asked for.

    Raises UsageError where pyarrow is not installed, DataError where two sets may be meant or a file cannot be read.
    """
    leaf = load_leaf("striate.sources.parquet.arrow")
    source: Source = leaf.open_shards(root, *_shards(root))
    return source


def _shards(root: Path) -> tuple[list[ParquetFile], list[str]]:
    """Return the files of a data set, those of train first, and a note on others that lie beside them."""
    shards = [ParquetFile(path, "" if path == root else _split(path)) for path in _files(root)]
    homes = {
        shard.path.parent.parent if _is_split(shard.path.parent) else shard.path.parent for shard in shards
    }
    if len(homes) > 1:
        names = some(sorted(str(home.relative_to(root)) for home in homes))
        raise DataError(
            f"{root}: which of its folders of Parquet files is meant: {names}? Give the path of one."
        )
    if not any(shard.split for shard in shards):
        return shards, []
    others = [str(shard.path.relative_to(root)) for shard in shards if not shard.split]
    notes = [f"left out as neither train, val nor test: {some(others)}"] if others else []
    order = ("train", "val", "test")
    return sorted((s for s in shards if s.split), key=lambda shard: order.index(shard.split)), notes


def _files(root: Path) -> list[Path]:
    """Return the Parquet files at a path, or in a folder at the least depth where there are any."""
    if root.is_file():
        return [root]
    level = [root]
    for _ in range(DEPTH):
        if found := [path for folder in level for path in files_ending(folder, SUFFIX)]:
            return found
        level = sorted(f for folder in level for f in folders_in(folder, most=MOST) if _may_hold(f))
    return []


def _may_hold(folder: Path) -> bool:
    """Say by its first entries whether a folder may be one of Parquet files: those of pictures may be very large."""
    names = first_names(folder, PEEKED)
    return not any(map(is_picture, names)) and any(n.endswith(SUFFIX) or (folder / n).is_dir() for n in names)


def _split(path: Path) -> str:
    """Return the split that a file's first word says, or its folder, or any word."""
    first = re.split(r"[-_.]", path.name.lower())[0]
    return SPLIT_NAMES.get(first) or SPLIT_NAMES.get(path.parent.name.lower()) or split_in(path.stem)


def _is_split(folder: Path) -> bool:
    return folder.name.lower() in SPLIT_NAMES
