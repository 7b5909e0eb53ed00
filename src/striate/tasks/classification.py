"""One label a picture: cross-entropy, accuracy, and the most likely classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from striate.tasks.answer import Guess
from striate.tasks.calibration import Calibration, class_calibration
from striate.tasks.class_scores import ClassScores
from striate.tasks.metric import Metric
from striate.tasks.task import Outputs, main_head, over_heads

# The classes named of a picture where nobody says how many.
NAMED = 5


@dataclass(frozen=True)
class Classification:
    """The task of naming one of `classes`.

    `weights` say how much a picture of each class counts in the loss; none: alike. Probabilities are those of the
    outputs divided by `temperature`; an answer under `threshold` is not to be believed.
    """

    metric: ClassVar[Metric] = Metric("accuracy", "accuracy")

    classes: tuple[str, ...]
    label_smoothing: float = 0.0
    weights: tuple[float, ...] = ()
    temperature: float = 1.0
    threshold: float = 0.0

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
