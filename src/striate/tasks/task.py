"""What every task has: a loss to learn by, a score to watch, and answers for people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from striate.tasks.calibration import Calibration

# What a network returns: (B, K), and in training perhaps the outputs of auxiliary heads after them.
Outputs = Tensor | Sequence[Tensor]
# The weight of each auxiliary head's loss (Szegedy et al. 2014, section 5).
AUXILIARY_WEIGHT = 0.3


@dataclass(frozen=True)
class Scale:
    """The mean and the standard deviation of each target over the training pictures, in the user's units."""

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


class Head(NamedTuple):
    """How a network must end: a name among the heads that `nets` can make, and how many outputs it has."""

    name: str
    width: int


@dataclass(frozen=True)
class Guess:
    """One class or label and its probability; `passes` says whether that reaches the threshold to be believed."""

    label: str
    probability: float
    passes: bool = True

    def __str__(self) -> str:
        return f"{self.probability:6.1%}  {self.label}"

    @property
    def words(self) -> str:
        """The guess within a sentence."""
        return f"{self.label}, {self.probability:.1%}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"class": self.label, "probability": self.probability}


@dataclass(frozen=True)
class Estimate:
    """One target and the number the network gives it, in the user's units."""

    passes: ClassVar[bool] = True  # no number is in doubt

    label: str
    value: float

    def __str__(self) -> str:
        return f"{self.value:10.6g}  {self.label}"

    @property
    def words(self) -> str:
        """The estimate within a sentence."""
        return f"{self.label}, {self.value:.6g}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"target": self.label, "value": self.value}


Answer = Guess | Estimate


@dataclass(frozen=True)
class Metric:
    """The number a task is watched by: its key in metrics.jsonl, its name, if it is a share, if more is better."""

    key: str
    name: str
    share: bool = True
    more_is_better: bool = True

    def text(self, value: float | None) -> str:
        """Return a value as a percentage or with three decimals; a dash where it is not defined."""
        if value is None:
            return "-"
        return f"{value:.2%}" if self.share else f"{value:.3f}"

    @property
    def form(self) -> str:
        """The format string in which progress shows a value and its name."""
        return f"{self.name} {{:.1%}}" if self.share else f"{self.name} {{:.3f}}"


class Scores(Protocol):
    """What an evaluation found, in sum and name by name."""

    @property
    def loss(self) -> float:
        """The mean loss of a picture, without label smoothing, class weights or auxiliary heads."""

    @property
    def images(self) -> int:
        """The pictures scored."""

    @property
    def score(self) -> float | None:
        """The value of the task's metric; None where it is not defined."""

    @property
    def text(self) -> str:
        """The score in a few words."""

    def values(self) -> dict[str, Any]:
        """Return what metrics.jsonl keeps, besides the loss; None for what is not defined."""

    def per_class(self, classes: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return what was found for each class, label or target; None for what is not defined."""

    def lines(self, classes: tuple[str, ...]) -> list[str]:
        """Return `per_class` as a table of text."""


S_co = TypeVar("S_co", bound=Scores, covariant=True)
A_co = TypeVar("A_co", bound=Answer, covariant=True)


class Task(Protocol[S_co, A_co]):
    """What a network's output (B, K) means, where `classes` are the names of the K numbers.

    Labels are as a data set has them: (B,) class indices, (B, K) of 0 and 1, or (B, K) numbers. Of mixed pictures
    they may be shares (B, K) float32.
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """The class, label or target names."""

    @property
    def metric(self) -> Metric:
        """The number training is watched by."""

    @property
    def head(self) -> Head:
        """How a network that answers it ends."""

    @property
    def panel(self) -> str:
        """Which panel of a report draws its answers and mistakes."""

    def loss(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Return the scalar to descend, auxiliary heads weighed in."""

    def answers(self, outputs: Outputs) -> Tensor:
        """Return what each row of outputs (B, K) says, in the form of the labels."""

    def score(self, outputs: Outputs, labels: Tensor) -> float:
        """Return the sum over the batch of what each picture adds to the metric."""

    def judge(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Return what an evaluation keeps of a batch: tensors whose first axis is the picture, its loss first."""

    def scores(self, *kept: Tensor) -> S_co:
        """Return the scores of what `judge` kept of every batch."""

    def calibration(self, outputs: Tensor, labels: Tensor) -> Calibration:
        """Return what outputs (N, K) on validation pictures say of the probabilities; of numbers nothing."""

    def calibrated(self, calibration: Calibration) -> "Task[S_co, A_co]":
        """Return this task with probabilities and thresholds as calibrated; losses stay as they are."""

    def with_threshold(self, threshold: float) -> "Task[S_co, A_co]":
        """Return this task with one threshold for everything; raises UsageError where it makes no sense."""

    def merged(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return outputs (B, K) whose probabilities, or numbers, are the mean of those of several outputs (B, K)."""

    def unflipped(self, outputs: Tensor) -> Tensor:
        """Return the outputs for mirrored pictures as those of the pictures: where they say places, mirrored back."""

    def guesses(self, outputs: Tensor, *, top: int | None) -> Sequence[Sequence[A_co]]:
        """Return the answers for each row of outputs (B, K), or only its `top` likeliest; None: as suits the task."""

    def none_of_these(self, guesses: Sequence[Answer]) -> bool | None:
        """Say whether a picture's guesses are too doubtful to be any of the classes; None where that is not asked."""

    def loss_lines(self) -> list[str]:
        """Return lines of plain PyTorch that return the loss of `logits` and `labels`, for an ejected script."""


class MakesTask(Protocol):
    """A class of tasks, by which one is made for a data set."""

    @property
    def usual_smoothing(self) -> float:
        """The label smoothing where none is asked for."""

    def of(
        self, classes: tuple[str, ...], *, scale: Scale, label_smoothing: float, weights: tuple[float, ...]
    ) -> "AnyTask":
        """Return the task of naming, labelling or measuring by `classes`; what it has no use for is left aside."""

    def scale_of(self, labels: Tensor) -> Scale:
        """Return what the numbers of training labels are measured in; empty for a task without numbers."""


# A task of whichever kind: what a data set asks is only known when it is opened.
AnyTask = Task[Scores, Answer]


def over_heads(loss: Callable[[Tensor], Tensor], outputs: Outputs) -> Tensor:
    """Return the loss of the main head and, weighed, of the auxiliary ones."""
    if isinstance(outputs, Tensor):
        return loss(outputs)
    main, *auxiliary = (loss(output) for output in outputs)
    return torch.stack([main, *(AUXILIARY_WEIGHT * loss for loss in auxiliary)]).sum()


def main_head(outputs: Outputs) -> Tensor:
    """Return the outputs that answer."""
    return outputs if isinstance(outputs, Tensor) else outputs[0]


def or_none(value: float) -> float | None:
    """Return a number, or None for nan, which JSON has no word for."""
    return None if value != value else value


def percent(share: float | None) -> str:
    """Return a share as a percentage of fixed width, or a dash where there is none."""
    return "     -" if share is None else f"{share:6.1%}"
