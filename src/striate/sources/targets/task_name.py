"""The names of what can be asked of a picture, as recipe.toml and data sets have them."""

from typing import Literal

TaskName = Literal["classification", "multi-label", "regression"]
# One of several classes, which is also what recipes mean that name no task; any number of labels; numbers.
ONE_CLASS: TaskName = "classification"
LABEL_SET: TaskName = "multi-label"
NUMBERS: TaskName = "regression"
