"""The labels of decoded pictures, told in the words of a network."""

from dataclasses import replace

import torch

from striate.data.store.store import Store
from striate.sources.source import Source
from striate.sources.targets.kind import TARGET_KINDS, refuse_other_task
from striate.sources.targets.task_name import TaskName


def relabel(store: Store, source: Source, classes: tuple[str, ...], task: TaskName) -> Store:
    """Return a store whose labels count in `classes`, in the words of a network for `task`.

    Raises DataError for a picture of a class or label not among them, and where one of a network's targets is
    missing. A label of the network that the data do not know is in none of their pictures.
    """
    refuse_other_task(source, task)
    if (source.classes, source.task) == (classes, task):
        return store
    labels = TARGET_KINDS[source.task].relabelled(store.labels.numpy(), source, classes, task)
    return replace(store, labels=torch.from_numpy(labels))
