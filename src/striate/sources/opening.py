"""Opening a data set by its path, address or bundled name: its format is detected and its pictures are listed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from striate.errors import DataError
from striate.host.extras import load_leaf
from striate.pictures.kind import is_picture
from striate.progress import Progress, Silent
from striate.sources.archives.archive import recognise_archive
from striate.sources.archives.unpack import unpack
from striate.sources.arrays.cifar import open_cifar, recognise_cifar
from striate.sources.arrays.idx import open_idx, recognise_idx
from striate.sources.arrays.npz import open_npz, recognise_npz
from striate.sources.folders.folder import WANTED, open_folder, recognise_folder
from striate.sources.folders.walk import first_names, folders_in
from striate.sources.naming import is_hidden, split_in
from striate.sources.parquet.parquet import SUFFIX, open_parquet, recognise_parquet
from striate.sources.place import absolute, is_pattern, is_remote
from striate.sources.shards.webdataset import open_pattern, open_shards, recognise_shards
from striate.sources.source import Source
from striate.sources.tables.discovery import notes_on_unused, open_table, recognise_table
from striate.sources.tables.table import SUFFIXES
from striate.sources.targets.kind import refuse_unlearnable, settled

# Bundled data set -> its folder. A path of the same name goes first.
BUNDLED = {"fashion": Path(__file__).parent / "bundled" / "fashion"}


class Format(NamedTuple):
    """A data set format: how a path of it is recognised, and how it is opened.

    `recognise` returns the evidence that a path is of this format, or ''. `open` of a `slow` format also takes the
    Progress to report to.
    """

    recognise: Callable[[Path], str]
    open: Callable[..., Source]
    slow: bool = False


# Name -> format; a path is opened by the first format that recognises it.
FORMATS: dict[str, Format] = {
    "IDX": Format(recognise_idx, open_idx),
    "CIFAR": Format(recognise_cifar, open_cifar),
    "NumPy": Format(recognise_npz, open_npz),
    "Parquet": Format(recognise_parquet, open_parquet),
    "WebDataset": Format(recognise_shards, open_shards, slow=True),
    "table": Format(recognise_table, open_table),
    "class folders": Format(recognise_folder, open_folder),
}

# A folder of fewer names than FEW that holds nothing but one folder is descended into, at most DEPTH times.
FEW, DEPTH = 20, 3
# File endings of data sets that are one file.
FILES = (*SUFFIXES, ".npz", SUFFIX, ".zip", ".tar", ".tar.gz")


def place_of(path: str | Path | Source) -> str:
    """Return what identifies a data set from any working directory: its absolute path, address or bundled name."""
    if isinstance(path, Source):
        path = path.root
    return str(path) if _is_bundled(path) else absolute(path)


def shown_place(source: Source) -> str:
    """Return a data set's path or bundled name for messages and commands; one that begins with - gets ./ before it."""
    shown = next((name for name, root in BUNDLED.items() if root == source.root), str(source.root))
    return f"./{shown}" if shown.startswith("-") else shown


def open_source(
    path: str | Path | Source, *, to_learn: bool = True, progress: Progress | None = None
) -> Source:
    """Detect a data set's format and list its pictures, without decoding one; a Source made in Python is validated.

    An archive is unpacked into the cache and opened like the folder it was made of. Raises DataError where the path
    does not exist or holds no data set, or where `to_learn` is set and there is nothing to learn, such as only one
    class; StorageError where there is no room to unpack it.
    """
    source = settled(path) if isinstance(path, Source) else _open(path, progress or Silent())
    if to_learn:
        refuse_unlearnable(source, wanted=WANTED if source.format == "class folders" else "")
    return source


def _open(path: str | Path, progress: Progress) -> Source:
    """Return the data set at a path, an address or a pattern, or of a bundled name."""
    if path == "":
        raise DataError(
            "'': no data set has an empty name. Give a folder of class folders, or '.' for this one."
        )
    if is_remote(path):
        remote = load_leaf("striate.sources.shards.remote")
        return replace(remote.open_remote(str(path), progress), evidence="it is an address of shards")
    root = BUNDLED[str(path)] if _is_bundled(path) else Path(path)
    if str(path).startswith("pipe:"):
        raise DataError(f"{path}: commands are not run. Give the shards' paths or addresses.")
    if not root.exists() and is_pattern(path):
        return replace(open_pattern(str(path), progress), evidence="it is a pattern of shards")
    if not root.exists():
        if root.suffix.lower() in FILES:
            raise DataError(f"{path}: no such file.")
        raise DataError(
            f"{path}: no such folder. Give a folder of class folders, or '{next(iter(BUNDLED))}'."
        )
    if source := _recognised(root, progress):
        return source
    if kind := recognise_archive(root):
        return _open_archive(root, kind, progress)
    raise DataError(
        f"{path}: no data set. Give the folder that holds the class folders, or a file of these: {', '.join(FILES)}."
    )


def _inner(root: Path) -> Path:
    """Return the folder below `root` that holds everything, as unpacking an archive may leave it, or `root` itself."""
    for _ in range(DEPTH):
        listed = first_names(root, FEW)
        names = [name for name in listed if not is_hidden(name)]
        folders = [name for name in names if (root / name).is_dir()]
        others = set(names) - set(folders)
        held = any(is_picture(name) or name.lower().endswith(FILES) for name in others)
        if len(folders) != 1 or len(listed) == FEW or held or split_in(folders[0]):
            return root
        if not folders_in(root / folders[0], most=1):
            return root
        root = root / folders[0]
    return root


def _recognised(root: Path, progress: Progress) -> Source | None:
    """Return the data set at a path, or in the only folder it holds, opened by the first format that recognises it."""
    inner = _inner(root)
    for place in dict.fromkeys((root, inner)):
        for name, format in FORMATS.items():
            # Every folder is recognised as class folders, so only the innermost folder is tried as such.
            if (name != "class folders" or place == inner) and (evidence := format.recognise(place)):
                source = _opened(place, name, progress)
                said = [] if place == root else [f"everything is in {inner.relative_to(root)}/"]
                return replace(source, evidence=evidence, notes=[*said, *source.notes])
    return None


def _opened(root: Path, name: str, progress: Progress) -> Source:
    """Return a data set opened in a format; for class folders, with notes on tables in it that are not used."""
    format = FORMATS[name]
    unused = notes_on_unused(root) if name == "class folders" else []
    try:
        source = format.open(root, progress) if format.slow else format.open(root)
    except DataError as error:
        raise (DataError(f"{error} ({'; '.join(unused)})") if unused else error) from error
    return replace(source, notes=[*source.notes, *unused])


def _open_archive(path: Path, kind: str, progress: Progress) -> Source:
    """Return the data set in an archive; its root is the archive's path, not that of the unpacked folder."""
    unpacked = unpack(path, progress)
    try:
        source = _recognised(unpacked.folder, progress)
    except DataError as error:
        raise DataError(str(error).replace(str(unpacked.folder), str(path))) from error
    assert source is not None, "a folder is recognised as class folders, if as nothing else"
    notes = [*unpacked.notes, *source.notes]
    return replace(source, root=path, notes=notes, evidence=f"{kind}; unpacked, {source.evidence}")


def _is_bundled(path: str | Path) -> bool:
    return str(path) in BUNDLED and not Path(path).exists()
