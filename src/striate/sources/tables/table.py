"""Reading text tables into columns: CSV, TSV and JSON Lines, in the encodings that spreadsheets write."""

import codecs
import csv
import json
import unicodedata
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from striate.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl")
# A cell is text, or several texts where JSON has a list.
Cell = str | tuple[str, ...]
DELIMITERS = (",", "\t", ";")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Tried in this order where no byte order mark says otherwise; the second is what Korean Windows writes.
ENCODINGS = ("utf-8-sig", "cp949")
# Distinct cells of a column that are stored once each; a column with more is likely of unique names.
SHARED = 4096


@dataclass(frozen=True)
class TextTable:
    """The columns of a table by name, the line number of each row, and notes on how the table was read."""

    path: Path
    columns: Mapping[str, Sequence[Cell]]
    lines: Sequence[int]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)


@dataclass
class Column:
    """A column while it is read; equal cells share one object, as long as there are few distinct ones."""

    cells: list[Cell] = field(default_factory=list)
    known: dict[Cell, Cell] = field(default_factory=dict)

    def append(self, cell: Cell) -> None:
        """Add the cell of the next row."""
        if len(self.known) < SHARED:
            cell = self.known.setdefault(cell, cell)
        self.cells.append(cell)


def header_of(path: Path) -> tuple[str, ...]:
    """Return the column names of a table: its first line, or the keys of its first JSON object.

    Raises DataError where it cannot be read.
    """
    for header, _, _ in _attempts(path):
        return header
    raise _unreadable(path)


def read_table(path: Path, *, only: Collection[str]) -> TextTable:
    """Return the columns in `only` that a table has; blank rows are skipped.

    Raises DataError, with the line number, where the table is malformed.
    """
    for header, rows, encoding in _attempts(path):
        columns = {name: Column() for name in header if name in only}
        places = [(header.index(name), column) for name, column in columns.items()]
        lines = array("q")
        try:
            for line, cells in rows:
                lines.append(line)
                for place, column in places:
                    column.append(cells[place])
        except UnicodeDecodeError:
            continue
        note = f"{path.name} is no UTF-8 and was read as cp949 (Korean Windows)"
        notes = (note,) if encoding == "cp949" else ()
        return TextTable(path, {name: column.cells for name, column in columns.items()}, lines, notes)
    raise _unreadable(path)


def _attempts(path: Path) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[int, Sequence[Cell]]], str]]:
    """Yield the header, the rows and the encoding for each encoding that can decode the header."""
    try:
        with path.open("rb") as file:
            encodings = ("utf-16",) if file.read(2) in UTF_16 else ENCODINGS
        for encoding in encodings:
            with path.open(encoding=encoding, newline="") as lines:
                rows = _objects(path, lines) if path.suffix.lower() == ".jsonl" else _rows(path, lines)
                try:
                    yield _checked(path, next(rows)[1]), rows, encoding
                except UnicodeError:
                    continue
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def _unreadable(path: Path) -> DataError:
    return DataError(f"{path}: not text in UTF-8, UTF-16 or cp949. Save it as UTF-8.")


def _checked(path: Path, cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the stripped column names in NFC; raises DataError for two equal ones, blank ones aside."""
    names = tuple(unicodedata.normalize("NFC", str(cell)).strip() for cell in cells)
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise DataError(f"{path}: two columns are called '{twice[0]}'. Give each a name of its own.")
    return names


def _rows(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Yield the line number and the cells of each row, the header first; short rows are padded with blank cells."""
    first, blank = "", -1
    while not first.strip() and (line := next(lines, None)) is not None:
        first, blank = line, blank + 1
    # The most frequent one in the header, since column names seldom contain a delimiter.
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(chain(["\n"] * blank, [first], lines), delimiter=delimiter, strict=True)
    width = 0
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            width = width or len(cells)
            if any(cells[width:]):
                raise DataError(
                    f"{path}: line {reader.line_num} has {len(cells)} cells, but there are {width} columns. "
                    f"Put quotes around a cell that holds '{delimiter}'."
                )
            yield reader.line_num, [cell.strip() for cell in cells] + [""] * (width - len(cells))
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}. Mend the line.") from error
    if not width:
        raise DataError(
            f"{path}: there is nothing in it. Wanted: a line such as file,label and a line for each picture."
        )


def _objects(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Yield the line number and the cells of each object, preceded by the keys of the first object as the header."""
    keys: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        values = _object(path, number, line)
        if not keys:
            keys = tuple(values)
            yield number, keys
        yield number, [cell_of(values.get(key)) for key in keys]
    if not keys:
        raise DataError(
            f'{path}: there is nothing in it. Wanted: an object such as {{"file": ..., "label": ...}} a line.'
        )


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        # Numbers stay as they are written, as in a CSV.
        values = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: line {number} is not JSON ({error}). Mend the line.") from error
    if not isinstance(values, dict):
        raise DataError(f'{path}: line {number} is not a JSON object. Wanted: {{"file": ..., "label": ...}}.')
    return values


def cell_of(value: object) -> Cell:
    """Return a value of JSON or Parquet as a cell: '' for null and objects, '1' and '0' for booleans."""
    if isinstance(value, list | tuple):
        return tuple(str(cell_of(item)) for item in value)
    if value is None or isinstance(value, dict):
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value).strip()
