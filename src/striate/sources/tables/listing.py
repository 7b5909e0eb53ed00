"""From tables and the roles of their columns to a data set: files are found, labels inferred, splits made."""

import posixpath
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.folders.files import file_pictures
from striate.sources.naming import SPLIT_NAMES, composed, printable, some, split_in
from striate.sources.source import Pictures, Source
from striate.sources.tables.columns import Roles
from striate.sources.tables.finder import Finder, Root
from striate.sources.tables.labels import Targets, targets_of
from striate.sources.tables.table import Cell, TextTable
from striate.sources.targets.kind import TARGET_KINDS, settled


class Part(NamedTuple):
    """A table, its split ('' if its name does not say one), and the folder below the root its paths start from."""

    table: TextTable
    split: str = ""
    folder: str = ""


class FoundFiles(NamedTuple):
    """The path of each row's file below the root, the rows whose file does not exist, and notes on the search."""

    files: list[str]
    missing: list[int]
    notes: list[str]


class FoundFile(NamedTuple):
    """A file, as its path below the root, and the folder from which it was found."""

    file: str
    start: Root


def listed_source(
    root: Path, format: str, parts: Sequence[Part], roles: Roles, *, notes: Sequence[str] = ()
) -> Source:
    """Return the data set of the pictures listed in some tables, which all have the columns in `roles`.

    Raises DataError where the labels are ambiguous, most files are missing, a path may mean two files, or a file is
    listed twice with different labels or splits.
    """
    rows = TableRows(root, parts)
    files = [str(cell) for cell in rows.column(roles.file)]
    splits, said = rows.splits(roles.split, files)
    columns = {name: rows.column(name) for name in roles.learned}
    targets = targets_of(columns, roles, place=rows.place)
    blank = len(files) - len(targets.rows)
    if blank:
        unlabelled = next(row for row, kept in enumerate([*targets.rows.tolist(), -1]) if row != kept)
        said.append(f"left out as without a label: {blank} rows, the first at {rows.place(unlabelled)}")
    found = _found(rows, files, splits, targets.rows)
    once, repeats = _once(rows, found.files, splits, targets)
    if repeats:
        said.append(f"{repeats} rows say again what another row says, and are left out")
    if found.missing:
        said.append(f"there is no file for: {some([files[row] for row in found.missing])}")
    pictures = _by_split(rows.root, found.files, splits, targets, once)
    told = [printable(note) for note in (*notes, *rows.notes, *targets.notes, *found.notes, *said)]
    return settled(Source(root, format, targets.classes, pictures, told, targets.task))


@dataclass
class TableRows:
    """The rows of some tables, one after the other."""

    source: Path
    parts: Sequence[Part]

    def __post_init__(self) -> None:
        self.root = self.source if self.source.is_dir() else self.source.parent
        self.ends = list(accumulate(len(part.table) for part in self.parts))

    @property
    def notes(self) -> list[str]:
        """Notes on how the tables were read."""
        return [note for part in self.parts for note in part.table.notes]

    def place(self, row: int | None) -> str:
        """Return the file name and line number of a row for an error, or the path of the first table for None."""
        if row is None:
            return str(self.parts[0].table.path)
        table = self.table_of(row)
        return f"{table.path.name} line {table.lines[row - self.ends[bisect_right(self.ends, row)] + len(table)]}"

    def table_of(self, row: int) -> TextTable:
        """Return the table a row is in."""
        return self.parts[bisect_right(self.ends, row)].table

    def column(self, name: str) -> list[Cell]:
        """Return the cells of a column, in the order of the rows."""
        return [cell for part in self.parts for cell in part.table.columns[name]]

    def folders(self) -> list[str]:
        """Return for each row the folder that its table's paths start from, '' for the root."""
        return [part.folder for part in self.parts for _ in range(len(part.table))]

    def splits(self, column: str, files: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return each row's split, from a column, its table or the top folder of its file, and notes on the choice."""
        by_table = [part.split or "all" for part in self.parts for _ in range(len(part.table))]
        if not column:
            folders = [file.replace("\\", "/").removeprefix("./").partition("/")[0].lower() for file in files]
            by_folder = [SPLIT_NAMES.get(folder, "") for folder in folders]
            if "train" not in by_folder or "" in by_folder or set(by_table) != {"all"}:
                return by_table, []
            return by_folder, [f"split by the folders of the files: {some(sorted(set(folders)))}"]
        cells = [str(cell).lower() for cell in self.column(column)]
        if not SPLIT_NAMES.keys() & set(cells):
            values = some(sorted(set(cells)))
            return by_table, [f"column {column} is not used: it names no train, val or test, but {values}"]
        for row, cell in enumerate(cells):
            if cell not in SPLIT_NAMES:
                wanted = ", ".join(SPLIT_NAMES)
                raise DataError(
                    f"{self.source}: '{cell}' in column {column}, {self.place(row)}, is no split. Wanted: {wanted}."
                )
        return [SPLIT_NAMES[cell] for cell in cells], []


def _found(
    rows: TableRows, files: Sequence[str], splits: Sequence[str], kept: NDArray[np.int64]
) -> FoundFiles:
    """Find the files of the rows in `kept`; raises DataError where most are missing or a path may mean two files."""
    finder, folders = Finder(rows.root), rows.folders()
    groups = defaultdict(list)
    for row in kept.tolist():
        groups[folders[row], splits[row]].append(row)
    paths, missing, notes = list(files), [], set()
    for (folder, split), group in groups.items():
        below = [f"{folder}/{files[row]}" if folder else files[row] for row in group]
        meant = split if split != "all" else split_in(rows.table_of(group[0]).path.stem) or "train"
        starts = finder.starts(below, split=meant)
        for row, path in zip(group, below, strict=True):
            if not files[row] or "\0" in files[row]:
                raise DataError(f"{rows.source}: {rows.place(row)} names no file.")
            places = _places(finder, starts, path)
            if not places:
                first = starts[0].folder
                paths[row] = finder.spelled(f"{first}/{path}" if first else path)
                missing.append(row)
                continue
            paths[row] = places[0].file
            if len(places) > 1:
                notes.add(_choice(rows, row, places))
    if len(missing) * 2 > len(kept):
        first_missing = min(missing)
        raise DataError(
            f"{rows.source}: {len(missing)} of {len(kept)} files are not there, the first of them "
            f"'{files[first_missing]}' ({rows.place(first_missing)}), looked for at "
            f"{rows.root / paths[first_missing]}. Paths start from the table's folder."
        )
    return FoundFiles(paths, missing, [*sorted(notes), *filter(None, [finder.moved])])


def _places(finder: Finder, starts: Sequence[Root], path: str) -> list[FoundFile]:
    """Return the files a path may mean, the likeliest first; one found from the root itself ends the search."""
    places = []
    for start in starts:
        if (file := finder.find(posixpath.join(start.folder, path))) is not None:
            places.append(FoundFile(file, start))
            if not start.folder:
                break
    return places


def _choice(rows: TableRows, row: int, places: Sequence[FoundFile]) -> str:
    """Return a note on which of several files is used; raises DataError if two are equally likely."""
    taken, other = places[0], places[1]
    if taken.start.rank == other.start.rank:
        raise DataError(
            f"{rows.source}: {rows.place(row)} may mean {taken.file} or {other.file}. "
            "Write the folder into the paths, or move one of the two away."
        )
    return (
        f"{rows.table_of(row).path.name} is taken to mean the files of {taken.start.folder}/, though "
        f"{other.start.folder}/ holds some of the same names"
    )


def _once(
    rows: TableRows, files: Sequence[str], splits: Sequence[str], targets: Targets
) -> tuple[list[int], int]:
    """Return the position in `targets` of each file's first row, and the number of rows that repeat one.

    Raises DataError where a file is repeated with another split or label.
    """
    first: dict[str, int] = {}
    once = []
    for position, row in enumerate(targets.rows.tolist()):
        before = first.setdefault(files[row], position)
        if before == position:
            once.append(position)
            continue
        other = int(targets.rows[before])
        where = f"{rows.source}: {files[row]} stands in {rows.place(other)} and in {rows.place(row)}"
        if splits[other] != splits[row]:
            raise DataError(
                f"{where}, once in {splits[other]} and once in {splits[row]}. Remove one of them."
            )
        if not np.array_equal(targets.labels[before], targets.labels[position]):
            raise DataError(
                f"{where}, with different labels: {_said(targets, before)} and {_said(targets, position)}. "
                "Remove one of them; several labels of a picture stand in one row, as a|b under 'labels'."
            )
    return once, len(targets.rows) - len(once)


def _said(targets: Targets, position: int) -> str:
    """Return the label at a position in `targets` as text for an error."""
    kind = TARGET_KINDS[targets.task]
    words = kind.told(targets.labels[position], targets.classes)
    return ", ".join(words) if kind.names_a_picture == "none" else f"'{'|'.join(words)}'"


def _by_split(
    root: Path, files: Sequence[str], splits: Sequence[str], targets: Targets, once: Sequence[int]
) -> Mapping[str, Pictures]:
    rows = targets.rows[once].tolist()
    paths = [files[row] for row in rows]
    pictures = file_pictures(root, paths, composed(paths), targets.labels[once])
    mine = np.array([splits[row] for row in rows], object)
    found = {split: np.flatnonzero(mine == split) for split in ("train", "val", "test", "all")}
    return {split: pictures.subset(positions) for split, positions in found.items() if len(positions)}
