"""Finding the Parquet files of a data set, as Hugging Face lays them out, and the split of each."""

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
# Folder levels that are searched: data/train-00000-of-00005.parquet, default/train/0000.parquet.
DEPTH = 3
# The most sub-folders of a folder, and the most entries of each, that the search looks at.
MOST = 16
PEEKED = 32


class ParquetFile(NamedTuple):
    """A file and its split, by its own name or its folder's, '' if neither says one."""

    path: Path
    split: str


def recognise_parquet(root: Path) -> str:
    """Return the evidence that a path is a Parquet file, or a folder with some, or ''."""
    if root.is_file():
        return f"its name ends in {root.suffix}" if root.suffix.lower() == SUFFIX else ""
    files = _files(root) if root.is_dir() else []
    return f"it holds {files[0].relative_to(root)}" if files else ""


def open_parquet(root: Path) -> Source:
    """Read the labels of Parquet files; embedded pictures are read later, one by one.

    Raises UsageError where pyarrow is not installed, DataError where two folders may be meant or a file cannot be read.
    """
    leaf = load_leaf("striate.sources.parquet.arrow")
    source: Source = leaf.open_shards(root, *_shards(root))
    return source


def _shards(root: Path) -> tuple[list[ParquetFile], list[str]]:
    """Return the files of a data set, those of train first, and notes on files of no split that are left out."""
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
    """Return the Parquet file at a path, or those in a folder at the first level that has any."""
    if root.is_file():
        return [root]
    level = [root]
    for _ in range(DEPTH):
        if found := [path for folder in level for path in files_ending(folder, SUFFIX)]:
            return found
        level = sorted(f for folder in level for f in folders_in(folder, most=MOST) if _may_hold(f))
    return []


def _may_hold(folder: Path) -> bool:
    """Say from its first entries whether a folder may hold Parquet files, since one of pictures may be very large."""
    names = first_names(folder, PEEKED)
    return not any(map(is_picture, names)) and any(n.endswith(SUFFIX) or (folder / n).is_dir() for n in names)


def _split(path: Path) -> str:
    """Return the split named by the first word of a file's name, else by its folder, else by any word, else ''."""
    first = re.split(r"[-_.]", path.name.lower())[0]
    return SPLIT_NAMES.get(first) or SPLIT_NAMES.get(path.parent.name.lower()) or split_in(path.stem)


def _is_split(folder: Path) -> bool:
    return folder.name.lower() in SPLIT_NAMES
