"""Writing a table for `striate train` of the pictures that an audit did not find faulty beyond doubt."""

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate.data.audit.inventory import Gathered
from striate.errors import DataError, UsageError
from striate.host.durable import write_file
from striate.pictures.facts import BAD
from striate.sources.folders.files import FilePictures
from striate.sources.naming import some
from striate.sources.opening import shown_place
from striate.sources.source import Source
from striate.sources.tables.columns import Roles
from striate.sources.tables.labels import targets_of
from striate.sources.tables.table import SUFFIXES, header_of
from striate.sources.targets.kind import TARGET_KINDS

# Of exact copies in several splits, the one in the first of these is kept: held-out pictures before training ones.
KEPT_FIRST = ("test", "val", "train", "all")
# The codes of findings that are mended by leaving the pictures out of the table.
MENDED_BY_TABLE = {"unreadable", "other-bands", "conflicts", "across", "copies"}
# The separator of several labels in a cell of a CSV; if a label contains one of MARKS, cells are JSON lists instead.
SEPARATOR = "|"
MARKS = re.compile(r"[|\[\]]")


@dataclass(frozen=True)
class Cleaned:
    """A table that was written, and the numbers of pictures that were kept, and left out by reason."""

    path: Path
    kept: int
    unreadable: int
    copies: int
    conflicts: int
    of_other_bands: int = 0


@dataclass(frozen=True)
class Kept:
    """The positions of the pictures to keep, and of those left out as copies and as conflicts."""

    positions: tuple[int, ...]
    copies: frozenset[int]
    conflicts: frozenset[int]


def kept_of(data: Gathered) -> Kept:
    """Return which pictures are fit for training.

    Left out are pictures that cannot be read, pictures with another number of bands than most, all of a group of exact
    copies with different labels (since it is unknown which is right), and all but one of any other group of exact
    copies. The one that is kept is in test if any is, else in val, else in train. Near copies stay.
    """
    conflicts, copies = set(), set()
    for group in data.duplicates.exact:
        if data.is_conflict(group):
            conflicts |= set(group.members)
        else:
            best = min(group.members, key=lambda i: (KEPT_FIRST.index(data.split_of(i)), i))
            copies |= set(group.members) - {best}
    dropped = {*conflicts, *copies, *data.of_other_bands.tolist()}
    positions = tuple(i for i in data.readable.tolist() if i not in dropped)
    return Kept(positions, frozenset(copies), frozenset(conflicts))


def write_clean(data: Gathered, path: Path) -> Cleaned:
    """Write the pictures of `kept_of` as a table: file, class, labels or targets, and split if there are splits.

    The ending decides the format: .csv, .tsv or .jsonl. Raises UsageError for another ending, and where the file exists
    and is not an earlier manifest of the same columns; DataError where no picture is left, or a table cannot hold the
    data set.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: a manifest ends in .csv, .tsv or .jsonl.")
    if not can_be_listed(data.source):
        files = all(isinstance(pictures, FilePictures) for pictures in data.source.splits.values())
        raise DataError(
            f"{shown_place(data.source)}: its pictures stand inside other files, so no table can list them."
            + (" Unpack the archive first." if files else "")
        )
    _refuse_to_replace(data, path)
    _refuse_alike(data.source)
    kept = kept_of(data)
    unreadable = int(((data.facts["flags"] & BAD) != 0).sum())
    if not kept.positions:
        raise DataError(
            f"{shown_place(data.source)}: no picture is left for a manifest: {unreadable:,} cannot be read, "
            f"{len(kept.conflicts):,} are exact copies under different labels. Mend the labels first."
        )
    write_file(path, _table(data, kept.positions, path).encode("utf-8"))
    return Cleaned(
        path,
        len(kept.positions),
        unreadable,
        len(kept.copies),
        len(kept.conflicts),
        len(data.of_other_bands),
    )


def can_be_listed(source: Source) -> bool:
    """Say whether a table can list the pictures of a data set: they are files on disk, and not from an archive."""
    roots = (Path(source.root), Path(source.root).parent)
    return all(isinstance(p, FilePictures) and p.root in roots for p in source.splits.values())


def _refuse_to_replace(data: Gathered, path: Path) -> None:
    """Raise UsageError if a file exists from which the data is read, or which has not the columns of the manifest."""
    if not path.exists():
        return
    root = Path(data.source.root)
    if path.samefile(root) or (data.source.format == "table" and path.parent.samefile(root)):
        raise UsageError(f"{path}: the data is read from it. Give the manifest another name.")
    try:
        replaced = header_of(path) == tuple(_header(data))
    except DataError:
        replaced = False
    if not replaced:
        raise UsageError(f"{path}: is there already, and is no manifest of this data. Give another name.")


def _refuse_alike(source: Source) -> None:
    """Raise DataError for classes whose names a table would not tell apart; several labels a picture came from one."""
    if TARGET_KINDS[source.task].names_a_picture != "one":
        return
    read = targets_of({"class": source.classes}, Roles("file", "class", ("class",)), place=str)
    often = Counter(read.labels.tolist())
    apart = {
        row for row, label in zip(read.rows.tolist(), read.labels.tolist(), strict=True) if often[label] == 1
    }
    if alike := [f"'{name}'" for row, name in enumerate(source.classes) if row not in apart]:
        raise DataError(
            f"{shown_place(source)}: a table cannot tell the classes {some(alike)} apart: spaces around a name and .0 "
            "behind a number do not count there. Rename them."
        )


def _table(data: Gathered, kept: Sequence[int], path: Path) -> str:
    header, rows = _header(data), _rows(data, kept, path.absolute().parent)
    if path.suffix.lower() == ".jsonl":
        return "".join(
            json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) + "\n" for row in rows
        )
    joined = _joined if _can_be_joined(data) else _listed
    cells = [header, *([joined(c) if isinstance(c, list) else c for c in row] for row in rows)]
    # The csv module of Python 3.11 does not quote a cell with a carriage return, which would end the row.
    returns = any("\r" in cell for row in cells for cell in row)
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter="\t" if path.suffix.lower() == ".tsv" else ",",
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL,
    )
    writer.writerows(cells)
    return out.getvalue()


def _can_be_joined(data: Gathered) -> bool:
    """Say whether labels joined by | can be read back: no name has a mark, and some picture has several labels."""
    if data.kind.names_a_picture != "several":
        return True
    several = bool((data.labels.sum(axis=1) > 1).any())
    return several and not any(MARKS.search(name) for name in data.source.classes)


def _joined(labels: list[str]) -> str:
    return SEPARATOR.join(labels)


def _listed(labels: list[str]) -> str:
    return json.dumps(labels, ensure_ascii=False)


def _header(data: Gathered) -> list[str]:
    """Return the column names, which are those that `striate.sources.tables.columns` recognises."""
    learned = data.kind.columns(data.source.classes)
    return ["file", *learned, *(["split"] if _has_splits(data) else [])]


def _rows(data: Gathered, kept: Sequence[int], folder: Path) -> Iterator[list[str | list[str]]]:
    starts = dict(
        zip(data.splits, np.searchsorted(data.split, np.arange(len(data.splits))).tolist(), strict=True)
    )
    for position in kept:
        split = data.split_of(position)
        pictures = data.source.splits[split]
        assert isinstance(pictures, FilePictures)
        file = _path_from(folder, pictures.root / pictures.files[position - starts[split]])
        row = [file, *data.kind.cells(data.labels[position], data.source.classes)]
        yield [*row, split] if _has_splits(data) else row


def _path_from(folder: Path, file: Path) -> str:
    """Return a file's path relative to the table's folder if it is below it, else its absolute path."""
    file = Path(os.path.abspath(file))
    path = str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path!a}: a name that is not UTF-8 cannot stand in a table. Rename the file."
        ) from error
    # Reading a table strips the spaces around a cell.
    return path if path == path.lstrip() else f"./{path}"


def _has_splits(data: Gathered) -> bool:
    return data.splits != ("all",)
