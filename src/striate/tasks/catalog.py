"""The tasks by their names in recipe.toml."""

from collections.abc import Mapping

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
