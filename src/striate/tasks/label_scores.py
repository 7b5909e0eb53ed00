"""How well a network tells which labels the pictures of one split have."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from striate.tasks.average_precision import average_precision
from striate.tasks.calibration import EVEN
from striate.tasks.metric import or_none, percent


@dataclass(frozen=True)
class LabelScores:
    """What an evaluation found, picture by picture and in sum.

    `losses` (N,) are the pictures' binary cross-entropies summed over labels, without label smoothing or weights,
    `labels` (N, K) are 0 or 1, `probabilities` (N, K) are of each label being there, and `thresholds` (K,) those from
    which it counts as given, or one for all.
    """

    losses: Tensor
    labels: Tensor
    probabilities: Tensor
    thresholds: Tensor | float = EVEN

    @property
    def loss(self) -> float:
        """The mean binary cross-entropy of a picture."""
        return float(self.losses.mean())

    @property
    def images(self) -> int:
        """The pictures scored."""
        return len(self.labels)

    @property
    def score(self) -> float:
        """The share of pictures with every label right."""
        return self.exact_match

    @property
    def answers(self) -> Tensor:
        """Which labels (N, K) the network gives, as 0 and 1."""
        return (self.probabilities >= self.thresholds).to(torch.uint8)

    @property
    def exact_match(self) -> float:
        """The share of pictures whose labels are all right: given where they are there and nowhere else."""
        return float((self.answers == self.labels).all(1).double().mean())

    @property
    def precision(self) -> Tensor:
        """The share (K,) of the times each label was given that were right; nan for one never given."""
        return self._right / self.answers.sum(0)

    @property
    def recall(self) -> Tensor:
        """The share (K,) of each label's pictures that were given it; nan for a label without pictures."""
        return self._right / self.labels.sum(0)

    @property
    def f1(self) -> Tensor:
        """The harmonic mean (K,) of precision and recall; nan for a label neither there nor given."""
        return 2 * self._right / (self.answers.sum(0) + self.labels.sum(0))

    @property
    def micro_f1(self) -> float | None:
        """F1 of all labels counted together; None where none is there and none was given."""
        return or_none(float(2 * self._right.sum() / (self.answers.sum() + self.labels.sum())))

    @property
    def macro_f1(self) -> float | None:
        """The mean F1 of the labels that are there or were given."""
        return or_none(float(self.f1.nanmean()))

    @cached_property
    def average_precision(self) -> Tensor:
        """The average precision (K,) of each label, whatever the threshold; nan for a label without pictures."""
        columns = zip(self.labels.T, self.probabilities.T, strict=True)
        return torch.tensor([average_precision(truth, p) for truth, p in columns], dtype=torch.double)

    @property
    def mean_average_precision(self) -> float | None:
        """The mean average precision of the labels that are there."""
        return or_none(float(self.average_precision.nanmean()))

    @property
    def text(self) -> str:
        """The scores in words."""
        return (
            f"exact match {self.exact_match:.2%}, micro F1 {percent(self.micro_f1).strip()}, "
            f"mean average precision {percent(self.mean_average_precision).strip()}"
        )

    def values(self) -> dict[str, Any]:
        """Return each score by its name."""
        names = ("exact_match", "micro_f1", "macro_f1", "mean_average_precision")
        return {name: getattr(self, name) for name in names}

    def per_class(self, classes: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return name, images, precision, recall, F1 and average precision of each label; None for what is nan."""
        columns = {
            name: getattr(self, name).tolist() for name in ("precision", "recall", "f1", "average_precision")
        }
        images = self.labels.sum(0).tolist()
        return [
            {"class": label, "images": images[i], **{name: or_none(c[i]) for name, c in columns.items()}}
            for i, label in enumerate(classes)
        ]

    def lines(self, classes: tuple[str, ...]) -> list[str]:
        """Return a line for each label: precision, recall, average precision, pictures, name."""
        return [
            f"{percent(row['precision'])} precision  {percent(row['recall'])} recall  "
            f"{percent(row['average_precision'])} average precision  {row['images']:6,}  {row['class']}"
            for row in self.per_class(classes)
        ]

    @property
    def _right(self) -> Tensor:
        """How often (K,) each label was given rightly."""
        return (self.answers * self.labels).sum(0).double()
