"""Numbers of a picture: Huber's loss on targets in standard units, answers in the user's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from striate.errors import UsageError
from striate.tasks.answer import Estimate
from striate.tasks.calibration import Calibration
from striate.tasks.metric import Metric
from striate.tasks.target_scores import TargetScores
from striate.tasks.task import Outputs, main_head, over_heads


@dataclass(frozen=True)
class Scale:
    """The mean and the standard deviation of each target over the training pictures, in the user's units."""

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True)
class Regression:
    """The task of giving each of `classes`, the targets, a number.

    The network's outputs are in standard units: 0 is a target's mean over the training pictures, 1 a deviation more.
    """

    metric: ClassVar[Metric] = Metric("r2", "R2", share=False)

    classes: tuple[str, ...]
    scale: Scale

    def loss(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Return the mean Huber loss (Huber 1964) of outputs (B, T) and labels (B, T) in the user's units.

        Squared up to an error of one deviation and straight beyond, so that a wrong label does not lead.
        """
        targets = self._standard(labels)
        return over_heads(lambda output: huber_loss(output, targets), outputs)

    def answers(self, outputs: Outputs) -> Tensor:
        """Return the numbers (B, T), float64, in the user's units."""
        mean, std = self._scale(outputs)
        return main_head(outputs).double() * std + mean

    def score(self, outputs: Outputs, labels: Tensor) -> float:
        """Return the sum of 1 - z^2, z being the error in deviations: its mean over all training pictures is R2."""
        errors = main_head(outputs).detach() - self._standard(labels)
        return float((1 - errors.double().square().mean(1)).sum())

    def judge(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Return the loss of each picture (B,), its labels and its answers (B, T)."""
        losses = huber_loss(outputs, self._standard(labels), reduction="none")
        return losses.double().mean(1), labels.double(), self.answers(outputs)

    def scores(self, *kept: Tensor) -> TargetScores:
        """Return the scores of what `judge` kept."""
        losses, labels, answers = kept
        return TargetScores(losses, labels, answers, torch.tensor(self.scale.mean, dtype=torch.double))

    def calibration(self, outputs: Tensor, labels: Tensor) -> Calibration:
        """Return nothing found: numbers have no probabilities."""
        return Calibration()

    def calibrated(self, calibration: Calibration) -> "Regression":
        """Return this task as it is."""
        return self

    def with_threshold(self, threshold: float) -> "Regression":
        """Raise UsageError."""
        raise UsageError(
            f"threshold {threshold:g} is for classes, and this network gives numbers. Leave it out."
        )

    def merged(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return the mean of several outputs (B, T)."""
        return torch.stack([*outputs]).mean(0)

    def guesses(self, outputs: Tensor, *, top: int | None = None) -> list[list[Estimate]]:
        """Return every target's number for each row of outputs (B, T); raises UsageError where `top` is asked."""
        if top is not None:
            raise UsageError(
                f"top {top} asks for the likeliest classes, and this network gives numbers. Leave it out."
            )
        rows = self.answers(outputs).tolist()
        return [[Estimate(*pair) for pair in zip(self.classes, row, strict=True)] for row in rows]

    def _standard(self, labels: Tensor) -> Tensor:
        """Return labels (B, T) in standard units."""
        mean, std = self._scale(labels)
        return ((labels.double() - mean) / std).float()

    def _scale(self, like: Outputs) -> tuple[Tensor, Tensor]:
        device = main_head(like).device
        mean, std = (
            torch.tensor(v, dtype=torch.double, device=device) for v in (self.scale.mean, self.scale.std)
        )
        return mean, std


def scale_of(labels: Tensor) -> Scale:
    """Return mean and deviation of each column of labels (N, T); the deviation of one that never changes is 1."""
    labels = labels.double()
    deviations = labels.std(0, correction=0).tolist()
    return Scale(tuple(labels.mean(0).tolist()), tuple(std if std > 0 else 1.0 for std in deviations))
