"""What every task has: a loss to learn by, a score to watch, and answers for people."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from striate.tasks.answer import Answer
from striate.tasks.calibration import Calibration
from striate.tasks.metric import Metric

# What a network returns: (B, K), and in training perhaps the outputs of auxiliary heads after them.
Outputs = Tensor | Sequence[Tensor]
# The weight of each auxiliary head's loss (Szegedy et al. 2014, section 5).
AUXILIARY_WEIGHT = 0.3


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

    def guesses(self, outputs: Tensor, *, top: int | None) -> Sequence[Sequence[A_co]]:
        """Return the answers for each row of outputs (B, K), or only its `top` likeliest; None: as suits the task."""


# A task of whichever kind: what a data set asks is only known when it is opened.
AnyTask = Task[Scores, Answer]
# What is kept of the outputs (B, K) and the labels of a batch, as Task.judge does.
Judge = Callable[[Tensor, Tensor], tuple[Tensor, ...]]


def over_heads(loss: Callable[[Tensor], Tensor], outputs: Outputs) -> Tensor:
    """Return the loss of the main head and, weighed, of the auxiliary ones."""
    if isinstance(outputs, Tensor):
        return loss(outputs)
    main, *auxiliary = (loss(output) for output in outputs)
    return torch.stack([main, *(AUXILIARY_WEIGHT * loss for loss in auxiliary)]).sum()


def main_head(outputs: Outputs) -> Tensor:
    """Return the outputs that answer."""
    return outputs if isinstance(outputs, Tensor) else outputs[0]


class Flipped(nn.Module):
    """A network that answers by each picture and its mirror image: (B, C, H, W) -> the merged outputs (B, K)."""

    def __init__(self, model: nn.Module, task: Task[Any, Any]) -> None:
        super().__init__()
        self.model = model
        self._task = task

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs whose probabilities, or numbers, are the mean of both."""
        return self._task.merged([self.model(x), self.model(x.flip(3))])


def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], task: Task[S_co, Any]) -> S_co:
    """Run a network in eval mode over batches of (images, labels) and return the scores."""
    return task.scores(*judged(model, batches, task.judge))


def judged(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    judge: Judge,
) -> list[Tensor]:
    """Return what `judge` keeps of each picture's outputs and label, off the device; the training flag is put back."""
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        kept = [judge(model(images), labels) for images, labels in batches]
    model.train(was_training)
    return [torch.cat(values).cpu() for values in zip(*kept, strict=True)]
