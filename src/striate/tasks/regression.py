"""Numbers of a picture: Huber's loss on targets in standard units, answers in the user's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from striate.errors import UsageError
from striate.tasks.calibration import Calibration
from striate.tasks.task import Answer, Estimate, Head, Metric, Outputs, Scale, main_head, or_none, over_heads


@dataclass(frozen=True)
class TargetScores:
    """What an evaluation found, picture by picture and in sum.

    `losses` (N,) are the pictures' mean Huber losses in standard units, `labels` and `answers` (N, T) the numbers in
    the user's units. `baseline` (T,) is what somebody would answer who has seen the training labels and no picture:
    their mean.
    """

    losses: Tensor
    labels: Tensor
    answers: Tensor
    baseline: Tensor

    @property
    def loss(self) -> float:
        """The mean Huber loss of a target in standard units."""
        return float(self.losses.mean())

    @property
    def images(self) -> int:
        """The pictures scored."""
        return len(self.labels)

    @property
    def score(self) -> float | None:
        """The mean R2 of the targets that have one."""
        return or_none(float(self.r2.nanmean()))

    @property
    def mae(self) -> Tensor:
        """The mean absolute error (T,)."""
        return _mae(self.answers - self.labels)

    @property
    def rmse(self) -> Tensor:
        """The root of the mean squared error (T,)."""
        return _rmse(self.answers - self.labels)

    @property
    def baseline_mae(self) -> Tensor:
        """The mean absolute error (T,) of always answering the training mean."""
        return _mae(self.baseline - self.labels)

    @property
    def baseline_rmse(self) -> Tensor:
        """The root of the mean squared error (T,) of always answering the training mean."""
        return _rmse(self.baseline - self.labels)

    @property
    def r2(self) -> Tensor:
        """The share (T,) of the labels' variance that the answers explain, 1 - sum of squares / total sum.

        Under 0 where their own mean would be nearer; nan for a target that is the same in every picture.
        """
        squares = (self.answers - self.labels).square().sum(0)
        total = (self.labels - self.labels.mean(0)).square().sum(0)
        return (1 - squares / total).where(total > 0, float("nan"))

    @property
    def text(self) -> str:
        """The mean R2 in words."""
        return f"R2 {_number(self.score, '.3f')}"

    def values(self) -> dict[str, Any]:
        """Return the mean R2, and MAE and RMSE of each target, the network's and the baseline's."""
        names = ("mae", "rmse", "baseline_mae", "baseline_rmse")
        return {"r2": self.score, **{name: getattr(self, name).tolist() for name in names}}

    def per_class(self, classes: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return R2, MAE and RMSE of each target, and the baseline's MAE and RMSE; None for an R2 that is nan."""
        names = ("r2", "mae", "rmse", "baseline_mae", "baseline_rmse")
        columns = {name: getattr(self, name).tolist() for name in names}
        return [
            {"target": target, **{name: or_none(column[i]) for name, column in columns.items()}}
            for i, target in enumerate(classes)
        ]

    def lines(self, classes: tuple[str, ...]) -> list[str]:
        """Return a line for each target: R2, MAE and RMSE, in brackets those of answering the training mean, name."""
        return [
            f"{_number(row['r2'], '7.3f')} R2  {row['mae']:10.4g} MAE ({row['baseline_mae']:.4g})  "
            f"{row['rmse']:10.4g} RMSE ({row['baseline_rmse']:.4g})  {row['target']}"
            for row in self.per_class(classes)
        ]


@dataclass(frozen=True)
class Regression:
    """The task of giving each of `classes`, the targets, a number.

    The network's outputs are in standard units: 0 is a target's mean over the training pictures, 1 a deviation more.
    """

    metric: ClassVar[Metric] = Metric("r2", "R2", share=False)
    panel: ClassVar[str] = "numbers"
    usual_smoothing: ClassVar[float] = 0.0

    classes: tuple[str, ...]
    scale: Scale

    @classmethod
    def of(
        cls, classes: tuple[str, ...], *, scale: Scale, label_smoothing: float, weights: tuple[float, ...]
    ) -> "Regression":
        """Return the task of giving each of `classes` a number in the units of `scale`."""
        return cls(classes, scale)

    @staticmethod
    def scale_of(labels: Tensor) -> Scale:
        """Return the mean and deviation of training labels (N, T)."""
        return scale_of(labels)

    @property
    def head(self) -> Head:
        """A number for each target, in standard units."""
        return Head("vector", len(self.classes))

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

    def unflipped(self, outputs: Tensor) -> Tensor:
        """Return the outputs as they are: they say no places."""
        return outputs

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

    def none_of_these(self, guesses: Sequence[Answer]) -> None:
        """Return None: a number is none of no classes."""

    def loss_lines(self) -> list[str]:
        """Return lines of plain PyTorch that return Huber's loss of `logits` and `labels` in standard units."""
        mean, std = list(self.scale.mean), list(self.scale.std)
        return [
            f"mean, std = torch.tensor({mean}, dtype=torch.double), torch.tensor({std}, dtype=torch.double)",
            "return F.huber_loss(logits, ((labels.double() - mean) / std).float())",
        ]


def scale_of(labels: Tensor) -> Scale:
    """Return mean and deviation of each column of labels (N, T); the deviation of one that never changes is 1."""
    labels = labels.double()
    deviations = labels.std(0, correction=0).tolist()
    return Scale(tuple(labels.mean(0).tolist()), tuple(std if std > 0 else 1.0 for std in deviations))


def _mae(errors: Tensor) -> Tensor:
    return errors.abs().mean(0)


def _rmse(errors: Tensor) -> Tensor:
    return errors.square().mean(0).sqrt()


def _number(value: float | None, form: str) -> str:
    """Return a number in a form, or a dash of the same width."""
    return format(value, form) if value is not None else "-".rjust(int(form.split(".")[0] or 1))
