"""Numbers to learn from a picture: labels (N, T) float32."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.source import Pictures, Source
from striate.sources.targets.task_name import NUMBERS, TaskName

# The most ranges of equally many pictures that numbers are cut into, and the pictures a range should have.
RANGES = 10
PICTURES_A_RANGE = 10


class Numbers:
    """The kind of target of pictures that each have as many numbers."""

    name = "label"
    counted = ("numbers a picture", "사진당 값")
    title = ("Targets", "목표값")
    names_a_picture = "none"
    kept_by_motion = False
    serves = frozenset({NUMBERS})

    def settle(self, source: Source, splits: Mapping[str, Pictures]) -> list[str]:
        """Return nothing to note; raises DataError for a number that is not finite."""
        for pictures in splits.values():
            odd = ~np.isfinite(pictures.labels)
            if odd.any():
                picture, target = np.argwhere(odd)[0]
                raise DataError(
                    f"{source.root}: {pictures.name(int(picture))} has {pictures.labels[picture, target]} for "
                    f"{source.classes[target]}. Give a number, or leave the picture out."
                )
        return []

    def refuse_unlearnable(self, source: Source, labels: NDArray[Any], *, wanted: str) -> None:
        """Raise DataError where a target is the same number for every picture."""
        for name, values in zip(source.classes, labels.T, strict=True):
            if (values == values[0]).all():
                raise DataError(
                    f"{source.root}: {name} is {values[0]:g} for every picture, so nothing can be learned."
                )

    def counts(self, labels: NDArray[Any], num_classes: int) -> list[int]:
        """Return how many pictures have each number: all of them."""
        return [len(labels)] * num_classes

    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return the cell (N,) of each picture in a grid cut by quantiles along the first three targets at most.

        The grid has no more cells than RANGES, and about PICTURES_A_RANGE in each.
        """
        targets = labels.T[:3]
        cells = min(RANGES, max(1, len(labels) // PICTURES_A_RANGE))
        each = int(cells ** (1 / len(targets)) + 1e-9)
        cell = np.zeros(len(labels), np.int64)
        for target in targets:
            edges = np.quantile(target, np.arange(1, each) / each)
            cell = cell * each + np.searchsorted(edges, target, side="right")
        return cell

    def placed(self, labels: NDArray[Any], places: NDArray[np.int64], num_classes: int) -> NDArray[Any]:
        """Return the numbers whose columns now stand at `places` (T,); every place must be taken."""
        return labels[:, np.argsort(places)]

    def relabelled(
        self, labels: NDArray[Any], source: Source, classes: Sequence[str], task: TaskName
    ) -> NDArray[Any]:
        """Return the columns of a network's targets; raises DataError where one is missing."""
        if missing := [name for name in classes if name not in source.classes]:
            raise DataError(
                f"{source.root}: target '{missing[0]}' of the network is not in the data. "
                f"They have: {', '.join(source.classes)}."
            )
        return labels[:, [source.classes.index(name) for name in classes]]

    def told(self, label: Any, classes: Sequence[str]) -> list[str]:
        """Return the numbers of a picture."""
        return [f"{value:g}" for value in label]

    def columns(self, classes: Sequence[str]) -> list[str]:
        """Return the names of the columns of a table that hold the numbers."""
        return [name if name.startswith(("target:", "value:")) else f"value:{name}" for name in classes]

    def cells(self, label: Any, classes: Sequence[str]) -> list[str | list[str]]:
        """Return what stands in those columns for a picture."""
        return [repr(float(value)) for value in label]
