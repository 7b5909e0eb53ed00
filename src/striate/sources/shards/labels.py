"""Interpreting the labels of WebDataset samples: class indices, multi-label rows or regression targets."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.naming import natural, printable
from striate.sources.targets.task_name import LABEL_SET, NUMBERS, ONE_CLASS, TaskName

# Without class names, a class index from this on is refused.
MOST_CLASSES = 100_000
# From this many samples on, texts of which more than half are different are taken for captions.
CAPTIONS_FROM = 20
LONGEST_SHOWN = 60
# Numbers from here on are refused; float32 ends at 3.4e38.
LARGEST = 1e38


@dataclass(frozen=True)
class SampleLabels:
    """The labels of all samples: class indices (N,), 0 and 1 for each label (N, K), or regression targets (N, T)."""

    task: TaskName
    classes: tuple[str, ...]
    values: NDArray[Any]


def labels_of(labels: Sequence[str], names: Sequence[str]) -> SampleLabels:
    """Infer the task from labels in JSON; `names` are the class names if they are known.

    Integers and texts are classes, lists of them several labels a picture; floats, alone, in lists or mixed with
    integers, are regression targets. Raises DataError, whose text does not name the data set, for labels of other or
    mixed kinds.
    """
    values = {text: json.loads(text) for text in set(labels)}
    met = {_kind(value) for value in values.values()}
    if met <= {"class"}:
        return _indices(labels, values, names)
    if met == {"name"}:
        return _named(labels, values, names)
    if met == {"list"}:
        return _several(labels, values, names)
    if met <= {"class", "number"} or met <= {"list", "numbers"}:
        return _numbers(labels, values, names)
    odd = ["none"] if "none" in met else sorted(met)[:2]
    examples = [next(text for text in labels if _kind(values[text]) == kind)[:LONGEST_SHOWN] for kind in odd]
    raise DataError(
        f"labels such as {' and '.join(examples)}. "
        "Wanted: class numbers or names, lists of them, or numbers with a point, and one kind for all."
    )


def _kind(value: Any) -> str:
    """Return the kind of a label; a list of integers is a 'list', which may yet be labels or regression targets."""
    if isinstance(value, bool):
        return "none"
    if isinstance(value, int):
        return "class" if abs(value) < LARGEST else "none"
    if isinstance(value, float):
        return "number" if abs(value) < LARGEST else "none"  # NaN is not smaller either
    if isinstance(value, str):
        return "name"
    if not isinstance(value, list):
        return "none"
    kinds = {_kind(item) for item in value}
    if kinds in (set(), {"class"}, {"name"}):
        return "list"
    return "numbers" if kinds <= {"class", "number"} else "none"


def _indices(labels: Sequence[str], values: dict[str, int], names: Sequence[str]) -> SampleLabels:
    """Return labels that are class indices already."""
    classes = tuple(names) or tuple(str(i) for i in range(_highest(values.values(), names) + 1))
    _highest(values.values(), names)
    return SampleLabels(ONE_CLASS, classes, np.array([values[text] for text in labels], np.int64))


def _highest(numbers: Iterable[int], names: Sequence[str]) -> int:
    """Return the highest class index; raises DataError for one below zero or without a name."""
    numbers = list(numbers)
    low, high, most = min(numbers, default=0), max(numbers, default=0), len(names) or MOST_CLASSES
    if low < 0 or high >= most:
        known = f"there are {most} class names" if names else f"at most {MOST_CLASSES:,} classes are learned"
        raise DataError(f"label {low if low < 0 else high}, but {known}, counted from 0.")
    return high


def _named(labels: Sequence[str], values: dict[str, str], names: Sequence[str]) -> SampleLabels:
    if len(values) * 2 > len(labels) >= CAPTIONS_FROM:
        raise DataError(
            f"{len(values)} different labels for {len(labels)} pictures: captions, it seems, and not classes."
        )
    index = _index(values.values(), names)
    found = np.array([index[values[text]] for text in labels], np.int64)
    return SampleLabels(ONE_CLASS, tuple(printable(name) for name in index), found)


def _index(met: Iterable[str], names: Sequence[str]) -> dict[str, int]:
    """Return class name -> index, in the order of `names` if these are known; raises DataError for any other name."""
    met = set(met)
    if names and (other := sorted(met - set(names))):
        raise DataError(f"label '{other[0]}', which is none of the {len(names)} class names.")
    return {name: i for i, name in enumerate(names or sorted(met, key=natural))}


def _several(labels: Sequence[str], values: dict[str, list[Any]], names: Sequence[str]) -> SampleLabels:
    met = {item for value in values.values() for item in value}
    texts = {item for item in met if isinstance(item, str)}
    if texts and texts != met:
        raise DataError("lists of class numbers beside lists of class names. Wanted: one kind for all.")
    if texts:
        index: dict[Any, int] = dict(_index(texts, names))
        classes = tuple(printable(name) for name in index)
    else:
        classes = tuple(names) or tuple(str(i) for i in range(_highest(met, ()) + 1))
        index = {i: i for i in range(_highest(met, names) + 1)}
    found = np.zeros((len(labels), len(classes)), np.uint8)
    for row, text in zip(found, labels, strict=True):
        row[[index[item] for item in values[text]]] = 1
    return SampleLabels(LABEL_SET, classes, found)


def _numbers(labels: Sequence[str], values: dict[str, Any], names: Sequence[str]) -> SampleLabels:
    widths = sorted({len(value) if isinstance(value, list) else 1 for value in values.values()})
    if len(widths) > 1:
        raise DataError(
            f"lists of {widths[0]} and of {widths[-1]} numbers. Wanted: as many for every picture."
        )
    wide = widths[0] > 1
    numbered = tuple(f"value {i + 1}" for i in range(widths[0])) if wide else ("value",)
    found = np.array([values[text] for text in labels], np.float32).reshape(len(labels), widths[0])
    return SampleLabels(NUMBERS, tuple(names) if len(names) == widths[0] else numbered, found)
