"""From the name of a task to the task."""

from striate.tasks.classification import Classification
from striate.tasks.multi_label import MultiLabel
from striate.tasks.regression import Regression, Scale
from striate.tasks.task import AnyTask


def make_task(
    name: str,
    classes: tuple[str, ...],
    *,
    scale: Scale,
    label_smoothing: float = 0.0,
    weights: tuple[float, ...] = (),
) -> AnyTask:
    """Return the task of a data set; `scale` is for regression alone, smoothing and weights for the others."""
    if name == "regression":
        return Regression(classes, scale)
    if name == "multi-label":
        return MultiLabel(classes, label_smoothing, weights)
    return Classification(classes, label_smoothing, weights)
