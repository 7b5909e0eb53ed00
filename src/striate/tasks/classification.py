"""One label a picture: cross-entropy, accuracy, and the most likely classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from striate.tasks.calibration import Calibration, calibration_error, class_calibration
from striate.tasks.task import (
    Answer,
    Guess,
    Head,
    Metric,
    Outputs,
    Scale,
    main_head,
    or_none,
    over_heads,
    percent,
)

# The classes named of a picture where nobody says how many.
NAMED = 5


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


@dataclass(frozen=True)
class Classification:
    """The task of naming one of `classes`.

    `weights` say how much a picture of each class counts in the loss; none: alike. Probabilities are those of the
    outputs divided by `temperature`; an answer under `threshold` is not to be believed.
    """

    metric: ClassVar[Metric] = Metric("accuracy", "accuracy")
    panel: ClassVar[str] = "confusions"
    # Smoothing keeps one class from taking all of the probability.
    usual_smoothing: ClassVar[float] = 0.1

    classes: tuple[str, ...]
    label_smoothing: float = 0.0
    weights: tuple[float, ...] = ()
    temperature: float = 1.0
    threshold: float = 0.0

    @classmethod
    def of(
        cls, classes: tuple[str, ...], *, scale: Scale, label_smoothing: float, weights: tuple[float, ...]
    ) -> "Classification":
        """Return the task of naming one of `classes`."""
        return cls(classes, label_smoothing, weights)

    @staticmethod
    def scale_of(labels: Tensor) -> Scale:
        """Return no scale: classes are not measured."""
        return Scale()

    @property
    def head(self) -> Head:
        """A logit for each class."""
        return Head("vector", len(self.classes))

    def loss(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy of logits (B, K) and labels (B,), or shares (B, K) of mixed pictures.

        The mean is over the pictures, whatever their weights: a batch of rare classes counts more than another.
        """
        return over_heads(lambda logits: self._cross_entropy(logits, labels), outputs)

    def answers(self, outputs: Outputs) -> Tensor:
        """Return the class index (B,) each row of logits names."""
        return main_head(outputs).argmax(1)

    def score(self, outputs: Outputs, labels: Tensor) -> int:
        """Return how many pictures are named rightly: of mixed ones, by the class they have most of."""
        truth = labels if labels.ndim == 1 else labels.argmax(1)
        return int((self.answers(outputs) == truth).sum())

    def judge(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Return loss, label, answer, confidence and confidence before calibration of each picture (B,)."""
        raw, best = outputs.softmax(1).amax(1), self._probabilities(outputs).max(1)
        losses = cross_entropy(outputs, labels, reduction="none").double()
        return losses, labels, best.indices, best.values, raw

    def scores(self, *kept: Tensor) -> ClassScores:
        """Return the scores of what `judge` kept."""
        losses, labels, answers, confidences, raw = kept
        return ClassScores(float(losses.mean()), labels, answers, confidences, len(self.classes), raw)

    def calibration(self, outputs: Tensor, labels: Tensor) -> Calibration:
        """Return the temperature and the threshold that validation outputs (N, K) and labels (N,) ask for."""
        return class_calibration(outputs, labels)

    def calibrated(self, calibration: Calibration) -> "Classification":
        """Return this task with a temperature and a threshold."""
        return replace(self, temperature=calibration.temperature, threshold=calibration.threshold)

    def with_threshold(self, threshold: float) -> "Classification":
        """Return this task with another threshold."""
        return replace(self, threshold=threshold)

    def merged(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return logits (B, K) whose probabilities are the mean of those of several logits (B, K)."""
        logs = torch.stack([(logits / self.temperature).log_softmax(1) for logits in outputs])
        return self.temperature * (logs.logsumexp(0) - math.log(len(outputs)))

    def unflipped(self, outputs: Tensor) -> Tensor:
        """Return the outputs as they are: they say no places."""
        return outputs

    def guesses(self, outputs: Tensor, *, top: int | None = None) -> list[list[Guess]]:
        """Return for each row of logits (B, K) its `top` likeliest classes, or five, the likeliest first."""
        best = self._probabilities(outputs).topk(min(top or NAMED, len(self.classes)), 1)
        rows = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return [
            [
                Guess(self.classes[i], p, p >= self.threshold)
                for p, i in zip(probabilities, indices, strict=True)
            ]
            for probabilities, indices in rows
        ]

    def none_of_these(self, guesses: Sequence[Answer]) -> bool:
        """Say whether the likeliest class is under the threshold."""
        return not all(guess.passes for guess in guesses[:1] if isinstance(guess, Guess))

    def loss_lines(self) -> list[str]:
        """Return lines of plain PyTorch that return the mean cross-entropy of `logits` and `labels`."""
        smoothing = self.label_smoothing
        if not self.weights:
            return [f"return F.cross_entropy(logits, labels, label_smoothing={smoothing})"]
        return [
            f"weights = torch.tensor({list(self.weights)})",
            f'losses = F.cross_entropy(logits, labels, weights, label_smoothing={smoothing}, reduction="none")',
            "return losses.mean()",
        ]

    def _probabilities(self, logits: Tensor) -> Tensor:
        return (logits / self.temperature).softmax(1)

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        if not self.weights:
            return cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        weights = torch.tensor(self.weights, dtype=logits.dtype, device=logits.device)
        # torch would divide by the weights of the batch, so that a batch of one class had none.
        return cross_entropy(
            logits, labels, weights, label_smoothing=self.label_smoothing, reduction="none"
        ).mean()
