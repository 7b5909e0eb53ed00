"""Splitting one set of pictures into train, val and test, each class, label or range of numbers in proportion."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.draw import Ids, order
from striate.sources.source import Pictures
from striate.sources.targets.kind import TARGET_KINDS
from striate.sources.targets.task_name import TaskName

# The share of a flat folder held out for each of val and test.
HELD_OUT = 0.1
TRAIN, VAL, TEST = range(3)
Places = NDArray[np.int64]


def stratified_split(
    pictures: Pictures, ids: Ids, *, task: TaskName, seed: int, test: bool = True
) -> dict[str, Pictures]:
    """Hold out a tenth of each class for val and a tenth for test, at least one each where the class has three.

    Without `test` only val is held out: what would be in test, being in a folder of its own, is trained on.
    Labels of which a picture may have several each get their tenth too, from the rarest on, and keep one picture to
    train on where they can (a light form of Sechidis, Tsoumakas, Vlahavas 2011). Numbers are held out range by range.
    Which pictures, their names and the seed decide: adding a picture does not move the others by more than the
    share's rounding.
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
    """Return how many of a class of `count` pictures are held out for each of val and test."""
    return max(1, round(count * HELD_OUT)) if count >= 3 else 0


def _hold_out_classes(classes: NDArray[Any], shuffled: Places, part: Places) -> None:
    """Write VAL and TEST into the parts of the first pictures of each class."""
    for label in np.unique(classes):
        mine = shuffled[classes[shuffled] == label]
        held = _wanted(len(mine))
        part[mine[:held]] = VAL
        part[mine[held : 2 * held]] = TEST


def _hold_out_labels(there: NDArray[np.bool_], shuffled: Places, part: Places) -> None:
    """Write VAL and TEST into the parts of pictures until each label has its tenth, the rarest label first.

    `there` is (N, K). A picture whose part is settled by a rarer label counts for the others it has. Pictures
    without a label are held out last, as one more.
    """
    columns = np.concatenate([there, ~there.any(1, keepdims=True)], 1)
    counts = columns.sum(0)
    settled = np.zeros(len(part), bool)
    for label in np.argsort(counts, kind="stable"):
        has = columns[:, label]
        mine = shuffled[(has & ~settled)[shuffled]]
        if not (has & settled & (part == TRAIN)).any():
            mine = mine[: max(0, len(mine) - 1)]  # the last stays to train on
        for which in (VAL, TEST):
            lacking = max(0, _wanted(counts[label]) - int((part[has] == which).sum()))
            part[mine[:lacking]] = which
            mine = mine[lacking:]
        settled |= has
