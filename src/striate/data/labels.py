"""Labels of the three kinds: counted, and told in the words of a network."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.pictures import Source, TaskName
from striate.data.store import Store
from striate.errors import DataError


def label_counts(labels: NDArray[Any], num_classes: int) -> list[int]:
    """Return how many pictures each class or label has; for numbers, which every picture has, all of them each."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=num_classes).tolist()
    if labels.dtype.kind == "f":
        return [len(labels)] * num_classes
    return labels.sum(0, dtype=np.int64).tolist()


def refuse_other_task(source: Source, task: TaskName) -> None:
    """Raise DataError where a data set asks another thing of a picture than the network was trained for."""
    if source.task != task:
        raise DataError(
            f"{source.root}: labelled for {source.task}, and the network was trained for {task}. "
            "Give data of the same kind."
        )


def relabel(store: Store, source: Source, classes: tuple[str, ...]) -> Store:
    """Return a store whose labels count in `classes`, in the words of a network.

    Raises DataError for a picture of a class or label not among them, and where one of a network's targets is
    missing. A label of the network that the data do not know is in none of their pictures.
    """
    if source.classes == classes:
        return store
    if source.task == "regression":
        return replace(store, labels=_targets(store.labels, source, classes))
    counts = label_counts(store.labels.numpy(), len(source.classes))
    met = [name for name, count in zip(source.classes, counts, strict=True) if count]
    if unknown := [name for name in met if name not in classes]:
        kind = "class" if source.task == "classification" else "label"
        raise DataError(
            f"{source.root}: {kind} '{unknown[0]}' is not one the network knows. It knows: {', '.join(classes)}."
        )
    places = torch.tensor([classes.index(name) if name in classes else -1 for name in source.classes])
    if source.task == "classification":
        return replace(store, labels=places[store.labels])
    known = places >= 0
    labels = store.labels.new_zeros(len(store), len(classes))
    labels[:, places[known]] = store.labels[:, known]
    return replace(store, labels=labels)


def _targets(labels: Tensor, source: Source, classes: tuple[str, ...]) -> Tensor:
    """Return the columns of a network's targets."""
    if missing := [name for name in classes if name not in source.classes]:
        raise DataError(
            f"{source.root}: target '{missing[0]}' of the network is not in the data. "
            f"They have: {', '.join(source.classes)}."
        )
    return labels[:, [source.classes.index(name) for name in classes]]
