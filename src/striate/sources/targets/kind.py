"""The kinds of target: how pictures are counted by them, and which may be told in another network's words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.source import Source, TaskName


def label_counts(labels: NDArray[Any], num_classes: int) -> list[int]:
    """Return how many pictures each class or label has; for numbers, which every picture has, all of them each."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=num_classes).tolist()
    if labels.dtype.kind == "f":
        return [len(labels)] * num_classes
    return labels.sum(0, dtype=np.int64).tolist()


def refuse_other_task(source: Source, task: TaskName) -> None:
    """Raise DataError where a data set asks another thing of a picture than the network was trained for.

    One class a picture is taken as its one label where a picture may have several.
    """
    if source.task != task and (source.task, task) != ("classification", "multi-label"):
        raise DataError(
            f"{source.root}: labelled for {source.task}, and the network was trained for {task}. "
            "Give data of the same kind."
        )
