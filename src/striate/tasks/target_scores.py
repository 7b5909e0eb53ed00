"""How near a network comes to the numbers of the pictures of one split."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from striate.tasks.metric import or_none


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


def _mae(errors: Tensor) -> Tensor:
    return errors.abs().mean(0)


def _rmse(errors: Tensor) -> Tensor:
    return errors.square().mean(0).sqrt()


def _number(value: float | None, form: str) -> str:
    """Return a number in a form, or a dash of the same width."""
    return format(value, form) if value is not None else "-".rjust(int(form.split(".")[0] or 1))
