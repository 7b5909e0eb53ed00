"""Opening data sets that are listed in tables: one table given by its path, or those found in a folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from striate.errors import DataError
from striate.sources.folders.walk import files_ending, folders_in, has_folders
from striate.sources.naming import SPLIT_NAMES, some
from striate.sources.source import Source
from striate.sources.tables.columns import IDS, Roles, rivals_of, roles_of
from striate.sources.tables.finder import Finder
from striate.sources.tables.listing import Part, listed_source
from striate.sources.tables.table import SUFFIXES, header_of, read_table

# Tables of these names are used even beside class folders, if they have a column that is named like a label.
USUAL = ("labels", "label", "annotations", "annotation", "manifest", "dataset", "data", "index")
# Sub-folders of a folder that are looked at for splits and class names.
LOOKED_AT = 100
COLUMNS_SHOWN = 12
# Up to this many unused tables get a note each.
FEW = 3
WANTED = "Wanted: a first line that names the columns, such as file,label."


class FoundTable(NamedTuple):
    """A table: its path, the roles of its columns, its split or '', and the folder its paths start from or ''."""

    path: Path
    roles: Roles
    split: str = ""
    folder: str = ""


def recognise_table(root: Path) -> str:
    """Return the evidence that a path is a table, or a folder with a table of pictures, or ''."""
    if root.is_file():
        return f"its name ends in {root.suffix}" if root.suffix.lower() in SUFFIXES else ""
    if not root.is_dir() or not (places := _places(root)):
        return ""
    path, roles = places[0].path, places[0].roles
    more = "..." if len(roles.learned) > 1 else ""
    return f"{path.relative_to(root)} has the columns {roles.file}, {roles.learned[0]}{more}"


def open_table(root: Path) -> Source:
    """Read the table at a path, or the tables in a folder; labels are inferred from names and cells of the columns.

    Raises DataError where it is ambiguous which table is meant, where the files or the labels have no column, and as
    `listed_source` does.
    """
    places = [_given(root)] if root.is_file() else _places(root)
    splits = [place.split for place in places]
    if len(places) > 1 and ("" in splits or len(set(splits)) < len(splits)):
        names = some([str(place.path.relative_to(root)) for place in places])
        raise DataError(f"{root}: which of its tables is meant: {names}? Give the path of one.")
    roles = places[0].roles
    fitting = [place for place in places if set(roles.used) <= set(header_of(place.path))]
    left = [place.path.name for place in places if place not in fitting]
    parts = [Part(read_table(place.path, only=roles.used), place.split, place.folder) for place in fitting]
    notes = [f"left out as without the columns of {places[0].path.name}: {some(left)}"] if left else []
    if others := rivals_of(header_of(places[0].path), roles):
        notes.append(
            f"column {roles.learned[0]} is learned, and not {some(others)}: rename it to learn another"
        )
    return listed_source(root, "table", parts, roles, notes=notes)


def _given(path: Path) -> FoundTable:
    """Return the table at a path that the user gave; raises DataError where its columns do not fit."""
    header = header_of(path)
    if (roles := roles_of(header)) is None:
        raise DataError(
            f"{path}: no column for the file, or none to learn. It has: {_listed(header)}. {WANTED}"
        )
    return FoundTable(path, roles)


def _places(root: Path) -> Sequence[FoundTable]:
    """Return the tables in a folder: those called metadata, else named for splits, else of USUAL names, else any."""
    beside = _has_class_folders(root)
    metadata = [*_metadata(root), *_metadata_of_splits(root)]
    if metadata := [place for place in metadata if not beside or place.roles.kind != "rest"]:
        return metadata
    tables = {path: roles for path in files_ending(root, *SUFFIXES) if (roles := _roles_at(path))}
    named = {path: roles for path, roles in tables.items() if not beside or roles.kind != "rest"}
    by_split = [
        FoundTable(path, roles, SPLIT_NAMES[path.stem.lower()])
        for path, roles in named.items()
        if path.stem.lower() in SPLIT_NAMES
    ]
    if any(place.split == "train" for place in by_split):
        return sorted(by_split, key=lambda place: place.split != "train")
    usual = [FoundTable(path, roles) for path, roles in named.items() if path.stem.lower() in USUAL]
    if beside:
        plain = [place for place in usual if place.roles.file.lower() not in IDS]
        return plain or [
            FoundTable(path, roles) for path, roles in named.items() if _knows_better(root, path, roles)
        ]
    return usual or [FoundTable(path, roles) for path, roles in tables.items()]


def _knows_better(root: Path, path: Path, roles: Roles) -> bool:
    """Say whether a table lists pictures in the folders beside it, under labels of which none is a folder's name."""
    try:
        columns = read_table(path, only=roles.used).columns
    except DataError:
        return False
    labels = {str(cell).casefold() for name in roles.learned for cell in columns[name]}
    if labels & {folder.name.casefold() for folder in folders_in(root, most=LOOKED_AT)}:
        return False
    finder, files = Finder(root), [str(cell) for cell in columns[roles.file]]
    return bool(files) and finder.holds(files, finder.starts(files, split="train"))


def notes_on_unused(root: Path) -> list[str]:
    """Return notes on why tables are not used in a folder that is read as class folders."""
    tables = files_ending(root, *SUFFIXES)
    if len(tables) > FEW:
        return [
            f"tables that are not used, since folders say the classes: {some([path.name for path in tables])}"
        ]
    return [f"{path.name} is not used: {_why_unused(path)}" for path in tables]


def _why_unused(path: Path) -> str:
    try:
        header = header_of(path)
    except DataError as error:
        return str(error).removeprefix(f"{path}: ")
    if roles_of(header) is None:
        return f"no column for the file, or none to learn. It has: {_listed(header)}"
    return "the folders say the classes. Give its path to learn what it says"


def _listed(header: Sequence[str]) -> str:
    """Return the names of the first columns, and how many more there are."""
    more = f" and {len(header) - COLUMNS_SHOWN} more" if len(header) > COLUMNS_SHOWN else ""
    return ", ".join(header[:COLUMNS_SHOWN]) + more


def _has_class_folders(root: Path) -> bool:
    """Say whether a root, or one of its split folders where it has any, holds two or more folders."""
    folders = folders_in(root, most=LOOKED_AT)
    splits = [folder for folder in folders if folder.name.lower() in SPLIT_NAMES]
    return any(map(has_folders, splits)) if splits else len(folders) > 1


def _metadata_of_splits(root: Path) -> Iterator[FoundTable]:
    """Yield the metadata tables of the folders train/, val/ and test/, that of train first."""
    folders = [folder for folder in folders_in(root, most=LOOKED_AT) if folder.name.lower() in SPLIT_NAMES]
    for folder in sorted(
        folders, key=lambda folder: (SPLIT_NAMES[folder.name.lower()] != "train", folder.name)
    ):
        split = SPLIT_NAMES[folder.name.lower()]
        yield from (place._replace(split=split, folder=folder.name) for place in _metadata(folder))


def _metadata(folder: Path) -> list[FoundTable]:
    """Return the metadata tables in a folder without listing it, since it may hold any number of pictures."""
    paths = [folder / f"metadata{suffix}" for suffix in SUFFIXES]
    return [FoundTable(path, roles) for path in paths if path.is_file() and (roles := _roles_at(path))]


def _roles_at(path: Path) -> Roles | None:
    """Return the roles of a table's columns; None where they do not fit, or the file is no table that can be read."""
    try:
        return roles_of(header_of(path))
    except DataError:
        return None
