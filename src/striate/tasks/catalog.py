"""The tasks by their names in recipe.toml, and how much each class counts in their loss."""

from collections.abc import Mapping

import torch
from torch import Tensor

from striate.sources.targets.task_name import LABEL_SET, NUMBERS, ONE_CLASS, TaskName
from striate.tasks.classification import Classification
from striate.tasks.multi_label import MultiLabel
from striate.tasks.regression import Regression
from striate.tasks.task import AnyTask, MakesTask, Scale

TASKS: Mapping[TaskName, MakesTask] = {
    ONE_CLASS: Classification,
    LABEL_SET: MultiLabel,
    NUMBERS: Regression,
}

# Name -> what an inverse frequency is raised to.
CLASS_WEIGHTS: Mapping[str, float] = {"none": 0.0, "balanced": 1.0, "sqrt": 0.5}


def make_task(
    name: TaskName,
    classes: tuple[str, ...],
    *,
    scale: Scale,
    label_smoothing: float = 0.0,
    weights: tuple[float, ...] = (),
) -> AnyTask:
    """Return the task of a data set; what it has no use for, such as a `scale` of classes, is left aside."""
    return TASKS[name].of(classes, scale=scale, label_smoothing=label_smoothing, weights=weights)


def class_weights(name: str, labels: Tensor, num_classes: int) -> tuple[float, ...]:
    """Return a weight for each class of training labels (N,) int64, or for each label of (N, K) 0 and 1.

    A class counts by its inverse frequency or the root of it, such that the mean over the training pictures is 1.
    A label, where it is there, counts by how many pictures lack it for each that has it, or by the root of that.
    A class without a picture, and a label that none or all have, weighs 1. Nothing is returned for 'none'.
    """
    power = CLASS_WEIGHTS[name]
    if not power:
        return ()
    if labels.ndim == 2:
        there = labels.double().sum(0)
        lacking = len(labels) - there
        return _tuple((lacking / there) ** power, there * lacking)
    counts = torch.bincount(labels, minlength=num_classes).double()
    rarity = counts.clamp(min=1) ** -power
    return _tuple(rarity * len(labels) / (rarity * counts).sum(), counts)


def _tuple(weights: Tensor, met: Tensor) -> tuple[float, ...]:
    return tuple(weights.where(met > 0, 1.0).tolist())
