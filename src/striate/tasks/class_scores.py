"""How well a network names the class of each picture of one split."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from striate.tasks.calibration import calibration_error
from striate.tasks.metric import or_none, percent


@dataclass(frozen=True)
class ClassScores:
    """What an evaluation found, picture by picture and in sum.

    `labels`, `answers` (class indices), `confidences` (probability of the answer) and `raw_confidences`, those before
    calibration, are (N,), in the order of the split; `loss` is the mean cross-entropy without label smoothing, class
    weights or calibration.
    """

    loss: float
    labels: Tensor
    answers: Tensor
    confidences: Tensor
    num_classes: int
    raw_confidences: Tensor

    @property
    def images(self) -> int:
        """The pictures scored."""
        return len(self.labels)

    @property
    def score(self) -> float:
        """The accuracy."""
        return self.accuracy

    @property
    def text(self) -> str:
        """The accuracy in words."""
        return f"accuracy {self.accuracy:.2%}"

    def values(self) -> dict[str, Any]:
        """Return the accuracy and the calibration errors by their names."""
        return {"accuracy": self.accuracy, "ece": self.ece, "raw_ece": self.raw_ece}

    @property
    def ece(self) -> float:
        """The expected calibration error."""
        return calibration_error(self.confidences, self.labels == self.answers)

    @property
    def raw_ece(self) -> float:
        """The expected calibration error before calibration."""
        return calibration_error(self.raw_confidences, self.labels == self.answers)

    @property
    def accuracy(self) -> float:
        """The share of pictures named rightly."""
        return float((self.labels == self.answers).double().mean())

    @property
    def confusion(self) -> Tensor:
        """Counts (K, K): row the true class, column the answer."""
        cells = self.labels * self.num_classes + self.answers
        return torch.bincount(cells, minlength=self.num_classes**2).view(self.num_classes, -1)

    @property
    def recall(self) -> Tensor:
        """The share (K,) of each class's pictures that were found; nan for a class without pictures."""
        confusion = self.confusion
        return confusion.diagonal() / confusion.sum(1)

    @property
    def precision(self) -> Tensor:
        """The share (K,) of each class's answers that were right; nan for a class never answered."""
        confusion = self.confusion
        return confusion.diagonal() / confusion.sum(0)

    def per_class(self, classes: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return class, images, precision and recall of each class; None where there is nothing to divide by."""
        columns = zip(
            classes,
            self.confusion.sum(1).tolist(),
            self.precision.tolist(),
            self.recall.tolist(),
            strict=True,
        )
        return [
            {"class": name, "images": images, "precision": or_none(precision), "recall": or_none(recall)}
            for name, images, precision, recall in columns
        ]

    def lines(self, classes: tuple[str, ...]) -> list[str]:
        """Return a line for each class: precision, recall, pictures, name."""
        return [
            f"{percent(row['precision'])} precision  {percent(row['recall'])} recall  "
            f"{row['images']:6,}  {row['class']}"
            for row in self.per_class(classes)
        ]
