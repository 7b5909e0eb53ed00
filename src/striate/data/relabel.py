"""Labels of the three kinds: counted, and told in the words of a network."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from striate.data.store.store import Store
from striate.errors import DataError
from striate.sources.source import Source, TaskName
from striate.sources.targets.kind import label_counts, refuse_other_task


def relabel(store: Store, source: Source, classes: tuple[str, ...], task: TaskName) -> Store:
    """Return a store whose labels count in `classes`, in the words of a network for `task`.

    Raises DataError for a picture of a class or label not among them, and where one of a network's targets is
    missing. A label of the network that the data do not know is in none of their pictures.
    """
    refuse_other_task(source, task)
    if (source.classes, source.task) == (classes, task):
        return store
    if task == "regression":
        return replace(store, labels=_targets(store.labels, source, classes))
    counts = label_counts(store.labels.numpy(), len(source.classes))
    met = [name for name, count in zip(source.classes, counts, strict=True) if count]
    if unknown := [name for name in met if name not in classes]:
        kind = "class" if source.task == "classification" else "label"
        raise DataError(
            f"{source.root}: {kind} '{unknown[0]}' is not one the network knows. It knows: {', '.join(classes)}."
        )
    places = torch.tensor([classes.index(name) if name in classes else -1 for name in source.classes])
    if source.task == "multi-label":
        return replace(store, labels=_columns(store.labels, places, len(classes)))
    labels = places[store.labels]
    return replace(store, labels=labels if task == "classification" else one_hot(labels, len(classes)).byte())


def _columns(labels: Tensor, places: Tensor, num_classes: int) -> Tensor:
    """Return labels (N, K) of 0 and 1 with each column in its place, those at -1 left out."""
    moved = labels.new_zeros(len(labels), num_classes)
    moved[:, places[places >= 0]] = labels[:, places >= 0]
    return moved


def _targets(labels: Tensor, source: Source, classes: tuple[str, ...]) -> Tensor:
    """Return the columns of a network's targets."""
    if missing := [name for name in classes if name not in source.classes]:
        raise DataError(
            f"{source.root}: target '{missing[0]}' of the network is not in the data. "
            f"They have: {', '.join(source.classes)}."
        )
    return labels[:, [source.classes.index(name) for name in classes]]
