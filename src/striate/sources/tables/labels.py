"""Interpreting the cells of a table as labels: classes, several labels a picture, or regression targets."""

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.naming import natural, some
from striate.sources.tables.columns import NUMBER_PREFIXES, TAGS, Roles
from striate.sources.tables.table import Cell
from striate.sources.targets.kind import TARGET_KINDS
from striate.sources.targets.task_name import LABEL_SET, NUMBERS, ONE_CLASS, TaskName

Columns = Mapping[str, Sequence[Cell]]
# Returns how an error names a row, or the table itself for None.
RowName = Callable[[int | None], str]
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# How programs write a missing number, in lower case.
NO_NUMBER = {"", "nan", "na", "n/a", "null"}
YES, NO = {"1", "1.0", "true"}, {"0", "0.0", "false"}
# NO in tables that use -1 instead of 0.
MINUS = {"-1", "-1.0"}
SEPARATORS = ("|", ";")
# Class indices separated by spaces.
SPACED = re.compile(r"[0-9]+( [0-9]+)*")


@dataclass(frozen=True)
class Targets:
    """The task, the names of its classes, labels or regression targets, and the labels of the rows that have any.

    `rows` are the indices of those rows in the table; `notes` say what was inferred from the cells.
    """

    task: TaskName
    classes: tuple[str, ...]
    labels: NDArray[Any]
    rows: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def targets_of(columns: Columns, roles: Roles, *, place: RowName) -> Targets:
    """Infer the task and the labels from the columns in `roles.learned`; `place` names a row in an error.

    Raises DataError where they are ambiguous or a cell does not fit.
    """
    if roles.kind == "numbers":
        return _numbers(columns, roles.learned, place)
    if roles.kind == "rest" and len(roles.learned) > 1:
        return _of_rest(columns, roles, place)
    (name,) = roles.learned
    cells = columns[name]
    if separator := _separator(cells, name, roles):
        return _several(cells, separator, name, place)
    distinct = {str(cell) for cell in cells}
    if roles.kind != "class" and (why := _why_numbers(distinct, len(cells), roles)):
        note = f"column {name} holds {why}: numbers to learn, not classes"
        return _with_note(_numbers(columns, (name,), place), note)
    if roles.kind == "rest" and 2 * len(distinct) > len(cells):
        raise DataError(
            f"{place(None)}: column {name} has {len(distinct)} texts in {len(cells)} rows, too many for classes. "
            "Name the column to learn 'label' (a class), 'labels' (several, as a|b) or 'value' (a number)."
        )
    targets = _classes(cells, distinct)
    return _with_note(targets, f"column {name} holds the classes") if roles.kind == "rest" else targets


def in_order(targets: Targets, classes: Sequence[str]) -> Targets:
    """Return the same labels as indices into `classes`, which has all of theirs and perhaps others that no row has."""
    plain = [_plain(name) for name in classes]
    index = {name: place for place, name in enumerate(plain)}
    places = np.array([index[name] for name in targets.classes], np.int64)
    labels = TARGET_KINDS[targets.task].placed(targets.labels, places, len(plain))
    return replace(targets, classes=tuple(plain), labels=labels)


def number_of(cell: Cell) -> float | None:
    """Return a cell's number, or None where it holds none."""
    return float(cell) if isinstance(cell, str) and NUMBER.fullmatch(cell) else None


def _with_note(targets: Targets, note: str) -> Targets:
    return replace(targets, notes=(*targets.notes, note))


def _why_numbers(distinct: Collection[str], rows: int, roles: Roles) -> str:
    """Return why a column's cells are regression targets and not classes, or '' if they are classes."""
    numbers = [number_of(cell) for cell in distinct if cell.lower() not in NO_NUMBER]
    known = [number for number in numbers if number is not None]
    if not known or len(known) < len(numbers):
        return ""
    if not all(number.is_integer() for number in known):
        return "numbers with a fraction"
    most_differ = roles.kind in ("target", "rest") and 2 * len(known) > rows
    return "whole numbers of which most differ" if most_differ else ""


def _classes(cells: Sequence[Cell], distinct: Collection[str]) -> Targets:
    """Return one class a row; '1.0', as programs write integers in a column with blanks, is class '1'."""
    numbers = {cell: number_of(cell) for cell in distinct if cell}
    whole = all(number is not None and number.is_integer() for number in numbers.values())
    named = {
        cell: str(int(number)) if whole and number is not None and "." in cell else _plain(cell)
        for cell, number in numbers.items()
    }
    classes = tuple(sorted(set(named.values()), key=natural))
    place = {name: index for index, name in enumerate(classes)}
    index = {cell: place[name] for cell, name in named.items()} | {"": -1}
    labels = np.fromiter((index[str(cell)] for cell in cells), np.int64, count=len(cells))
    rows = np.flatnonzero(labels >= 0)
    return Targets(ONE_CLASS, classes, labels[rows], rows)


def _numbers(columns: Columns, names: Sequence[str], place: RowName) -> Targets:
    """Return the numbers in some columns as regression targets, without the rows where one is missing."""
    values = np.full((len(columns[names[0]]), len(names)), np.nan)
    for target, name in enumerate(names):
        for row, cell in enumerate(columns[name]):
            number = number_of(cell)
            if number is not None:
                values[row, target] = number
            elif str(cell).lower() not in NO_NUMBER:
                raise DataError(f"{place(None)}: '{cell}' in column {name}, {place(row)}, is no number.")
    rows = np.flatnonzero(~np.isnan(values).any(axis=1))
    return Targets(NUMBERS, tuple(_without_prefix(name) for name in names), _single(values[rows]), rows)


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return numbers as float32; those beyond its range become infinite, which a later check refuses by picture."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _without_prefix(name: str) -> str:
    """Return 'height' for 'target:height'."""
    prefixed = name.lower().startswith(NUMBER_PREFIXES)
    return name.partition(":")[2].strip() or name if prefixed else name


def _separator(cells: Sequence[Cell], name: str, roles: Roles) -> str:
    """Return the separator between several labels in a cell, '[' for lists, or '' where each cell is one label."""
    filled = [cell for cell in cells if cell]
    if any(isinstance(cell, tuple) for cell in filled):
        return "["
    texts = set(map(str, filled))
    if texts and all(text.startswith("[") and text.endswith("]") for text in texts):
        return "["
    known = {"labels": (*SEPARATORS, ","), "class": ()}.get(roles.kind, SEPARATORS)
    numbers = roles.kind != "class" and all(map(SPACED.fullmatch, texts))
    spaced = (" ",) if numbers or name.lower() in TAGS else ()
    return next((mark for mark in (*known, *spaced) if any(mark in text for text in texts)), "")


def _several(cells: Sequence[Cell], separator: str, name: str, place: RowName) -> Targets:
    """Return labels (N, K) of 0 and 1; a blank cell is a picture without a label."""
    parts: dict[Cell, tuple[str, ...]] = {}
    for row, cell in enumerate(cells):
        if cell not in parts:
            parts[cell] = tuple(
                _plain(part) for part in _parts(cell, separator, name, row, place) if part.strip()
            )
    classes = tuple(sorted({part for found in parts.values() for part in found}, key=natural))
    index = {label: position for position, label in enumerate(classes)}
    labels = np.zeros((len(cells), len(classes)), np.uint8)
    for row, cell in enumerate(cells):
        labels[row, [index[part] for part in parts[cell]]] = 1
    return Targets(LABEL_SET, classes, labels, np.arange(len(cells)))


def _parts(cell: Cell, separator: str, name: str, row: int, place: RowName) -> Sequence[str]:
    if isinstance(cell, tuple):
        return cell
    if separator != "[":
        return cell.split(separator)
    try:  # a list in JSON or in Python's notation
        listed = json.loads(cell if '"' in cell else cell.replace("'", '"')) if cell else []
    except ValueError as error:
        raise DataError(
            f'{place(None)}: {cell} in column {name}, {place(row)}, is no list such as ["a", "b"].'
        ) from error
    return [str(item) for item in listed]


def _of_rest(columns: Columns, roles: Roles, place: RowName) -> Targets:
    """Return the labels in columns of no known name: a column of 0 and 1, or -1 and 1, for each label, or numbers."""
    distinct = {name: {str(cell).lower() for cell in columns[name]} for name in roles.learned}
    marks = [name for name in roles.learned if distinct[name] <= YES | NO | {""}]
    signed = [name for name in roles.learned if distinct[name] <= YES | MINUS]
    if len(signed) > 1 and not any(distinct[name] & NO for name in marks):
        marks = signed
    if len(marks) > 1:
        unused = [name for name in roles.learned if name not in marks]
        targets = _one_hot(columns, marks)
        return _with_note(targets, f"columns not used: {', '.join(unused)}") if unused else targets
    if all(_are_numbers(cells) for cells in distinct.values()):
        note = f"columns {', '.join(roles.learned)} hold numbers to learn"
        return _with_note(_numbers(columns, roles.learned, place), note)
    raise DataError(
        f"{place(None)}: which of the columns {', '.join(roles.learned)} says what is in a picture? "
        "Name it 'label' (a class), 'labels' (several, as a|b) or 'value' (a number)."
    )


def _are_numbers(cells: Collection[str]) -> bool:
    return all(cell in NO_NUMBER or number_of(cell) is not None for cell in cells)


def _one_hot(columns: Columns, names: Sequence[str]) -> Targets:
    """Return labels from columns of 1 and 0 or -1: classes if each row has one 1; a row with a blank is left out."""
    marks = {**dict.fromkeys(YES, 1), **dict.fromkeys(NO | MINUS, 0), "": 2}
    values = np.array([[marks[str(cell).lower()] for cell in columns[name]] for name in names], np.uint8).T
    rows = np.flatnonzero((values < 2).all(axis=1))
    values = np.ascontiguousarray(values[rows])
    classes = tuple(_plain(name) for name in names)
    if len(rows) and (values.sum(axis=1, dtype=np.int64) == 1).all():
        note = "each picture has 1 in one column, so the columns are classes"
        return Targets(ONE_CLASS, classes, values.argmax(axis=1), rows, (note,))
    no = -1 if any(str(cell) in MINUS for name in names for cell in columns[name]) else 0
    note = f"the columns {some(list(classes))} of {no} and 1 are labels, several a picture"
    return Targets(LABEL_SET, classes, values, rows, (note,))


def _plain(text: str) -> str:
    """Return a class name stripped and in Unicode form NFC, so that equal names compare equal."""
    return unicodedata.normalize("NFC", text.strip())
