"""Pictures that a table lists: which tables of a folder those are, and the data set they make."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import Roles
from striate.data.files import file_pictures
from striate.data.finder import Finder
from striate.data.folder import SPLIT_NAMES, composed, printable
from striate.data.learnable import settled
from striate.data.pictures import Pictures, Source
from striate.data.table import Cell, Table
from striate.data.targets import Targets, targets_of
from striate.data.walk import some
from striate.errors import DataError


class Part(NamedTuple):
    """A table, the split it is ('' where it does not say), and the folder below the root its paths start from."""

    table: Table
    split: str = ""
    folder: str = ""


class Found(NamedTuple):
    """The path below the root of each row's file, and the rows of which there is no file."""

    files: list[str]
    missing: list[int]


def listed_source(
    root: Path, format: str, parts: Sequence[Part], roles: Roles, *, notes: Sequence[str] = ()
) -> Source:
    """Return the pictures that the rows of some tables of the same columns name, with their labels.

    Raises DataError where the labels cannot be told, most files are missing, or a file is listed twice under
    different labels or splits.
    """
    rows = Rows(root, parts)
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
    told = [printable(note) for note in (*notes, *rows.notes, *targets.notes, *said)]
    return settled(Source(root, format, targets.classes, pictures, told, targets.task))


@dataclass
class Rows:
    """The rows of some tables, one after the other."""

    source: Path
    parts: Sequence[Part]

    def __post_init__(self) -> None:
        self.root = self.source if self.source.is_dir() else self.source.parent
        self.ends = list(accumulate(len(part.table) for part in self.parts))

    @property
    def notes(self) -> list[str]:
        """What is to be said of how the tables were read."""
        return [note for part in self.parts for note in part.table.notes]

    def place(self, row: int | None) -> str:
        """Return the table and line of a row, or the first table where no row is meant."""
        if row is None:
            return str(self.parts[0].table.path)
        number = bisect_right(self.ends, row)
        table = self.parts[number].table
        return f"{table.path.name} line {table.lines[row - self.ends[number] + len(table)]}"

    def column(self, name: str) -> list[Cell]:
        """Return the cells of a column."""
        return [cell for part in self.parts for cell in part.table.columns[name]]

    def folders(self) -> list[str]:
        """Return the folder that each row's path starts from, as far as the tables' places say."""
        return [part.folder for part in self.parts for _ in range(len(part.table))]

    def splits(self, column: str, files: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the split of each row, by a column, its table or its file's folder, and notes on the choice."""
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


def _found(rows: Rows, files: Sequence[str], splits: Sequence[str], kept: NDArray[np.int64]) -> Found:
    """Return where the files of rows are; raises DataError where most of them are nowhere."""
    finder, folders = Finder(rows.root), rows.folders()
    groups = defaultdict(list)
    for row in kept.tolist():
        groups[folders[row], splits[row]].append(row)
    paths, missing = list(files), []
    for (folder, split), group in groups.items():
        below = [f"{folder}/{files[row]}" if folder else files[row] for row in group]
        start = finder.start(below, split=split)
        for row, path in zip(group, below, strict=True):
            if not files[row] or "\0" in files[row]:
                raise DataError(f"{rows.source}: {rows.place(row)} names no file.")
            path = f"{start}/{path}" if start else path
            found = finder.find(path)
            paths[row] = finder.spelled(path) if found is None else found
            if found is None:
                missing.append(row)
    if len(missing) * 2 > len(kept):
        first = min(missing)
        raise DataError(
            f"{rows.source}: {len(missing)} of {len(kept)} files are not there, the first of them '{files[first]}' "
            f"({rows.place(first)}), looked for at {rows.root / paths[first]}. Paths start from the table's folder."
        )
    return Found(paths, missing)


def _once(rows: Rows, files: Sequence[str], splits: Sequence[str], targets: Targets) -> tuple[list[int], int]:
    """Return the positions in `targets` of each file's first row, and how many rows say the same again."""
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
    """Return the label of a row in words."""
    label: Any = targets.labels[position]
    if targets.task == "classification":
        return f"'{targets.classes[label]}'"
    if targets.task == "regression":
        return ", ".join(f"{value:g}" for value in label)
    return f"'{'|'.join(name for name, fits in zip(targets.classes, label, strict=True) if fits)}'"


def _by_split(
    root: Path, files: Sequence[str], splits: Sequence[str], targets: Targets, once: Sequence[int]
) -> Mapping[str, Pictures]:
    rows = targets.rows[once].tolist()
    paths = [files[row] for row in rows]
    pictures = file_pictures(root, paths, composed(paths), targets.labels[once])
    mine = np.array([splits[row] for row in rows], object)
    found = {split: np.flatnonzero(mine == split) for split in ("train", "val", "test", "all")}
    return {split: pictures.subset(positions) for split, positions in found.items() if len(positions)}
