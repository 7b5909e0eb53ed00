"""One label a picture: cross-entropy, accuracy, and the most likely classes."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from striate.tasks.answer import Guess
from striate.tasks.class_scores import ClassScores
from striate.tasks.metric import Metric
from striate.tasks.task import Outputs, main_head, over_heads

# The classes named of a picture where nobody says how many.
NAMED = 5


@dataclass(frozen=True)
class Classification:
    """The task of naming one of `classes`.

    `weights` say how much a picture of each class counts in the loss; none: alike.
    """

    metric: ClassVar[Metric] = Metric("accuracy", "accuracy")

    classes: tuple[str, ...]
    label_smoothing: float = 0.0
    weights: tuple[float, ...] = ()

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
        """Return loss, label, answer and confidence of each picture (B,)."""
        best = outputs.softmax(1).max(1)
        losses = cross_entropy(outputs, labels, reduction="none").double()
        return losses, labels, best.indices, best.values

    def scores(self, *kept: Tensor) -> ClassScores:
        """Return the scores of what `judge` kept."""
        losses, labels, answers, confidences = kept
        return ClassScores(float(losses.mean()), labels, answers, confidences, len(self.classes))

    def guesses(self, outputs: Tensor, *, top: int | None = None) -> list[list[Guess]]:
        """Return for each row of logits (B, K) its `top` likeliest classes, or five, the likeliest first."""
        best = outputs.softmax(1).topk(min(top or NAMED, len(self.classes)), 1)
        rows = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return [
            [Guess(self.classes[i], p) for p, i in zip(probabilities, indices, strict=True)]
            for probabilities, indices in rows
        ]

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        if not self.weights:
            return cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        weights = torch.tensor(self.weights, dtype=logits.dtype, device=logits.device)
        # torch would divide by the weights of the batch, so that a batch of one class had none.
        return cross_entropy(
            logits, labels, weights, label_smoothing=self.label_smoothing, reduction="none"
        ).mean()
