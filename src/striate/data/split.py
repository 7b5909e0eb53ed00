"""Splitting one set of pictures into train, val and test, each class, label or range of numbers in proportion."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.draw import Ids, order
from striate.sources.source import Pictures

# The share of a flat folder held out for each of val and test.
HELD_OUT = 0.1
# The most ranges of equally many pictures that numbers are cut into, and the pictures a range should have.
RANGES = 10
PICTURES_A_RANGE = 10
TRAIN, VAL, TEST = range(3)
Places = NDArray[np.int64]


def stratified_split(pictures: Pictures, ids: Ids, *, seed: int, test: bool = True) -> dict[str, Pictures]:
    """Hold out a tenth of each class for val and a tenth for test, at least one each where the class has three.

    Without `test` only val is held out: what would be in test, being in a folder of its own, is trained on.
    Labels of which a picture may have several each get their tenth too, from the rarest on, and keep one picture to
    train on where they can (a light form of Sechidis, Tsoumakas, Vlahavas 2011). Numbers are held out range by range.
    Which pictures, their names and the seed decide: adding a picture does not move the others by more than the
    share's rounding.
    """
    shuffled = order("split", ids, seed=seed)
    labels = pictures.labels
    part = np.full(len(pictures), TRAIN)
    if labels.ndim == 2 and labels.dtype.kind != "f":
        _hold_out_labels(labels != 0, shuffled, part)
    else:
        _hold_out_classes(labels if labels.ndim == 1 else _ranges(labels), shuffled, part)
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


def _ranges(numbers: NDArray[Any]) -> Places:
    """Return for each row of numbers (N, T) which cell of a grid it is in, cut by quantiles along each target.

    A grid of the first three targets at most has no more cells than RANGES, and about PICTURES_A_RANGE in each.
    """
    targets = numbers.T[:3]
    cells = min(RANGES, max(1, len(numbers) // PICTURES_A_RANGE))
    each = int(cells ** (1 / len(targets)) + 1e-9)
    cell = np.zeros(len(numbers), np.int64)
    for target in targets:
        edges = np.quantile(target, np.arange(1, each) / each)
        cell = cell * each + np.searchsorted(edges, target, side="right")
    return cell
