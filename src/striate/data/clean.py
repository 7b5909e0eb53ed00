"""The data set without what an audit found wrong beyond doubt, as a table that `striate train` takes."""

import csv
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate.data.facts import BAD
from striate.data.files import FilePictures
from striate.data.gathered import Gathered
from striate.data.pictures import Source
from striate.data.source import shown_place
from striate.durable import write_file
from striate.errors import DataError, UsageError

# The order in which copies are worth keeping: what a network is scored by comes first.
KEPT_FIRST = ("test", "val", "train", "all")
# The findings that a table without the pictures at fault mends.
MENDED_BY_TABLE = {"unreadable", "conflicts", "across", "copies"}
# What stands between several labels in a cell of a CSV.
SEPARATOR = "|"


@dataclass(frozen=True)
class Cleaned:
    """What was written, and how many pictures were left out for which reason."""

    path: Path
    kept: int
    unreadable: int
    copies: int
    conflicts: int


def write_clean(data: Gathered, path: Path) -> Cleaned:
    """Write the pictures worth learning from as a table: file, class, labels or numbers, and split if there are splits.

    Left out are pictures that cannot be read, exact copies under different labels (all of them, since nobody knows
    which is right), and all but one of every other exact copy: of several splits the one in test is kept, then val,
    then train. Near copies stay. The ending decides the form: .csv, .tsv or .jsonl.
    """
    if path.suffix.lower() not in (".csv", ".tsv", ".jsonl"):
        raise UsageError(f"{path}: a manifest ends in .csv, .tsv or .jsonl.")
    if not can_be_listed(data.source):
        raise DataError(
            f"{shown_place(data.source)}: its pictures stand inside other files, so no table can list them. "
            "Unpack an archive first."
        )
    conflicts, copies = set(), set()
    for group in data.duplicates.exact:
        if data.is_conflict(group):
            conflicts |= set(group.members)
        else:
            best = min(group.members, key=lambda i: (KEPT_FIRST.index(data.split_of(i)), i))
            copies |= set(group.members) - {best}
    dropped = conflicts | copies
    kept = [i for i in data.readable.tolist() if i not in dropped]
    write_file(path, _table(data, kept, path).encode("utf-8"))
    unreadable = int(((data.facts["flags"] & BAD) != 0).sum())
    return Cleaned(path, len(kept), unreadable, len(copies), len(conflicts))


def can_be_listed(source: Source) -> bool:
    """Say whether a table can name the pictures of a data set: files of their own, not an archive's."""
    roots = (Path(source.root), Path(source.root).parent)
    return all(isinstance(p, FilePictures) and p.root in roots for p in source.splits.values())


def _table(data: Gathered, kept: list[int], path: Path) -> str:
    header, rows = _header(data), _rows(data, kept, path.absolute().parent)
    if path.suffix.lower() == ".jsonl":
        return "".join(
            json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) + "\n" for row in rows
        )
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", lineterminator="\n")
    writer.writerow(header)
    writer.writerows([SEPARATOR.join(c) if isinstance(c, list) else c for c in row] for row in rows)
    return out.getvalue()


def _header(data: Gathered) -> list[str]:
    """Return the names of the columns, by which a table's reader knows what they hold."""
    task = data.source.task
    if task == "regression":
        learned = [
            name if name.startswith(("target:", "value:")) else f"value:{name}"
            for name in data.source.classes
        ]
    else:
        learned = ["class"] if task == "classification" else ["labels"]
    return ["file", *learned, *(["split"] if _has_splits(data) else [])]


def _rows(data: Gathered, kept: list[int], folder: Path) -> Iterator[list[str | list[str]]]:
    starts = dict(
        zip(data.splits, np.searchsorted(data.split, np.arange(len(data.splits))).tolist(), strict=True)
    )
    for position in kept:
        split = data.split_of(position)
        pictures = data.source.splits[split]
        assert isinstance(pictures, FilePictures)
        file = _path_from(folder, pictures.root / pictures.files[position - starts[split]])
        row: list[str | list[str]] = [file, *_learned(data, position)]
        yield [*row, split] if _has_splits(data) else row


def _learned(data: Gathered, position: int) -> list[str | list[str]]:
    label, classes = data.labels[position], data.source.classes
    if data.source.task == "classification":
        return [classes[int(label)]]
    if data.source.task == "multi-label":
        return [[classes[i] for i in np.flatnonzero(label)]]
    return [repr(float(value)) for value in label]


def _path_from(folder: Path, file: Path) -> str:
    """Return a file's path from the table's folder where it lies below it, else from the root."""
    file = Path(os.path.abspath(file))
    path = str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path!a}: a name that is not UTF-8 cannot stand in a table. Rename the file."
        ) from error
    return path


def _has_splits(data: Gathered) -> bool:
    return data.splits != ("all",)
