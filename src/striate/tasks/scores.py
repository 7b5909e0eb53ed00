"""How well a network names the pictures of one split."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


@dataclass(frozen=True)
class Scores:
    """What an evaluation found, picture by picture and in sum.

    `labels`, `answers` (class indices) and `confidences` (probability of the answer) are (N,), in the order of the
    split; `loss` is the mean cross-entropy without label smoothing.
    """

    loss: float
    labels: Tensor
    answers: Tensor
    confidences: Tensor
    num_classes: int

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
            {"class": name, "images": images, "precision": _or_none(precision), "recall": _or_none(recall)}
            for name, images, precision, recall in columns
        ]


def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], *, num_classes: int) -> Scores:
    """Run a network in eval mode over batches of (images, labels); its training flag is put back afterwards."""
    was_training = model.training
    model.eval()
    labels, answers, confidences, losses = [], [], [], []
    with torch.inference_mode():
        for images, targets in batches:
            logits = model(images)
            best = logits.softmax(1).max(1)
            losses.append(cross_entropy(logits, targets, reduction="none").double())
            labels.append(targets)
            answers.append(best.indices)
            confidences.append(best.values)
    model.train(was_training)
    return Scores(
        loss=float(torch.cat(losses).mean()),
        labels=torch.cat(labels),
        answers=torch.cat(answers),
        confidences=torch.cat(confidences),
        num_classes=num_classes,
    )


def _or_none(value: float) -> float | None:
    return None if isnan(value) else value
