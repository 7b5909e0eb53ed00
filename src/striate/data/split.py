"""Stratified splitting of one set of pictures into train, val and test, by class, label or range of targets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.draw import Ids, order
from striate.sources.source import Pictures
from striate.sources.targets.kind import TARGET_KINDS
from striate.sources.targets.task_name import TaskName

# The share of a class that is held out for each of val and test.
HELD_OUT = 0.1
TRAIN, VAL, TEST = range(3)
Places = NDArray[np.int64]


def stratified_split(
    pictures: Pictures, ids: Ids, *, task: TaskName, seed: int, test: bool = True
) -> dict[str, Pictures]:
    """Hold out a tenth of each class for val and a tenth for test, at least one picture each if the class has three.

    With `test=False`, for data with a test split of its own, only val is held out, and the rest is train. For several
    labels a picture, a tenth of each label is held out, from the rarest label on, and one picture stays in train where
    possible (a simplified form of Sechidis, Tsoumakas, Vlahavas 2011). Regression targets are stratified by range.
    The choice depends on the ids, hashes of the pictures' names, and the seed, so that a picture that is added moves
    others to another split only as far as rounding a tenth does.
    """
    shuffled = order("split", ids, seed=seed)
    strata = TARGET_KINDS[task].strata(pictures.labels)
    part = np.full(len(pictures), TRAIN)
    hold_out = _hold_out_labels if strata.ndim == 2 else _hold_out_classes
    hold_out(strata, shuffled, part)
    names = {"train": TRAIN, "val": VAL, "test": TEST}
    if not test:
        part[part == names.pop("test")] = TRAIN
    return {name: pictures.subset(np.flatnonzero(part == number)) for name, number in names.items()}


def _wanted(count: int) -> int:
    """Return how many pictures of a class of `count` are held out for each of val and test."""
    return max(1, round(count * HELD_OUT)) if count >= 3 else 0


def _hold_out_classes(classes: NDArray[Any], shuffled: Places, part: Places) -> None:
    """Set `part` to VAL, then TEST, for the first pictures of each class in shuffled order."""
    for label in np.unique(classes):
        mine = shuffled[classes[shuffled] == label]
        held = _wanted(len(mine))
        part[mine[:held]] = VAL
        part[mine[held : 2 * held]] = TEST


def _hold_out_labels(there: NDArray[np.bool_], shuffled: Places, part: Places) -> None:
    """Set `part` to VAL and TEST until a tenth of each label is held out, the rarest label first.

    `there` (N, K) says which labels a picture has. A picture that was assigned for a rarer label counts for its other
    labels too. The pictures without a label are treated as those of one more label.
    """
    columns = np.concatenate([there, ~there.any(1, keepdims=True)], 1)
    counts = columns.sum(0)
    settled = np.zeros(len(part), bool)
    for label in np.argsort(counts, kind="stable"):
        has = columns[:, label]
        mine = shuffled[(has & ~settled)[shuffled]]
        if not (has & settled & (part == TRAIN)).any():
            mine = mine[: max(0, len(mine) - 1)]  # the last stays in train
        for which in (VAL, TEST):
            lacking = max(0, _wanted(counts[label]) - int((part[has] == which).sum()))
            part[mine[:lacking]] = which
            mine = mine[lacking:]
        settled |= has
