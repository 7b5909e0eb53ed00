"""Interpreting label arrays: class indices or names, one-hot rows, multi-label rows, or regression targets."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.naming import natural
from striate.sources.targets.task_name import LABEL_SET, NUMBERS, ONE_CLASS, TaskName


class Labels(NamedTuple):
    """The task, the names of its classes, labels or targets, the labels of each split, and notes on the inference."""

    task: TaskName
    classes: tuple[str, ...]
    labels: Mapping[str, NDArray[Any]]
    notes: tuple[str, ...] = ()


def read_labels(root: Path, splits: Mapping[str, NDArray[Any]], *, names: Sequence[str] = ()) -> Labels:
    """Infer the task from the label arrays of all splits together; `names` are the class names, if known.

    (N,) or (N, 1): integers and texts are classes; floats are regression targets, or classes if all are 0 or 1.
    (N, K): rows of 0 and 1 are classes if each has exactly one 1, else several labels; other numbers are regression
    targets. Raises DataError for other shapes and types, and where `names` do not fit.
    """
    flat = {split: labels[:, 0] if labels.shape[1:] == (1,) else labels for split, labels in splits.items()}
    shapes = {labels.shape[1:] for labels in flat.values()}
    types = {"O" if labels.dtype.kind not in "biufUS" else labels.dtype.kind for labels in flat.values()}
    if len(shapes) > 1 or "O" in types or len(next(iter(shapes))) > 1:
        given = ", ".join(f"{split} {labels.dtype} {labels.shape}" for split, labels in splits.items())
        raise DataError(
            f"{root}: labels of {given}; wanted numbers or texts (N,) or (N, K), alike in each split."
        )
    together = np.concatenate(list(flat.values()))
    if together.ndim == 1:
        return _one_a_picture(root, flat, together, names)
    return _rows(root, flat, together, names)


def _one_a_picture(
    root: Path, splits: Mapping[str, NDArray[Any]], together: NDArray[Any], names: Sequence[str]
) -> Labels:
    if together.dtype.kind in "US":
        texts = {split: texts_of(labels) for split, labels in splits.items()}
        classes = tuple(sorted({text for found in texts.values() for text in found}, key=natural))
        index = {name: place for place, name in enumerate(classes)}
        numbered = {
            split: np.array([index[text] for text in found], np.int64) for split, found in texts.items()
        }
        return Labels(ONE_CLASS, classes, numbered)
    values = np.unique(together)
    if together.dtype.kind == "f" and not set(values.tolist()) <= {0.0, 1.0}:
        numbers = {split: labels.astype(np.float32)[:, None] for split, labels in splits.items()}
        note = "the labels are floats: numbers to learn, not classes"
        return Labels(NUMBERS, tuple(names) if len(names) == 1 else ("value",), numbers, (note,))
    if names:
        _refuse_unnamed(root, int(values.min(initial=0)), int(values.max(initial=0)), names)
        whole = {split: labels.astype(np.int64) for split, labels in splits.items()}
        return Labels(ONE_CLASS, tuple(names), whole)
    places = {split: np.searchsorted(values, labels).astype(np.int64) for split, labels in splits.items()}
    return Labels(ONE_CLASS, tuple(str(int(value)) for value in values), places)


def _rows(
    root: Path, splits: Mapping[str, NDArray[Any]], together: NDArray[Any], names: Sequence[str]
) -> Labels:
    width = together.shape[1]
    if together.dtype.kind in "US":
        raise DataError(f"{root}: labels are texts of shape {together.shape}; wanted one a picture, (N,).")
    if names and len(names) != width:
        raise DataError(
            f"{root}: {len(names)} class names, but labels of shape {together.shape}. Name each column."
        )
    classes = tuple(names) or tuple(str(index) for index in range(width))
    if not np.isin(together, (0, 1)).all():
        numbers = {split: labels.astype(np.float32) for split, labels in splits.items()}
        return Labels(NUMBERS, classes, numbers, ("the labels are rows of numbers to learn",))
    if (together.sum(axis=1) == 1).all():
        places = {split: labels.argmax(axis=1).astype(np.int64) for split, labels in splits.items()}
        note = "each row of labels has one 1, so the columns are classes"
        return Labels(ONE_CLASS, classes, places, (note,))
    marks = {split: labels.astype(np.uint8) for split, labels in splits.items()}
    return Labels(LABEL_SET, classes, marks, ("the labels are rows of 0 and 1: several labels a picture",))


def _refuse_unnamed(root: Path, low: int, high: int, names: Sequence[str]) -> None:
    if low < 0 or high >= len(names):
        raise DataError(
            f"{root}: labels from {low} to {high}, but {len(names)} class names. Name each class, from label 0 on."
        )


def texts_of(labels: NDArray[Any]) -> list[str]:
    """Return texts stripped and in Unicode form NFC, so that equal class names compare equal."""
    texts = labels.tolist()
    plain = [
        text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else str(text) for text in texts
    ]
    return [unicodedata.normalize("NFC", text.strip()) for text in plain]
