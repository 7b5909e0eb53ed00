"""Any number of labels a picture: a yes or no for each, by binary cross-entropy."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from striate.tasks.answer import Guess
from striate.tasks.label_scores import THRESHOLD, LabelScores
from striate.tasks.metric import Metric
from striate.tasks.task import Outputs, main_head, over_heads


@dataclass(frozen=True)
class MultiLabel:
    """The task of saying of each of `classes` whether it is in the picture.

    `weights` say how much more a label that is there counts in the loss than one that is not; none: alike.
    """

    metric: ClassVar[Metric] = Metric("exact_match", "exact match")

    classes: tuple[str, ...]
    label_smoothing: float = 0.0
    weights: tuple[float, ...] = ()

    def loss(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Return the binary cross-entropy of logits and labels, both (B, K), summed over labels, mean over pictures.

        The sum is how unlikely all labels of a picture together are; a mean over many labels would slow each of them
        down at the usual rates (docs/log.md). With label smoothing e, yes is 1 - e/2 and no is e/2.
        """
        targets = labels.float() * (1 - self.label_smoothing) + self.label_smoothing / 2
        return over_heads(lambda logits: self._cross_entropy(logits, targets), outputs)

    def answers(self, outputs: Outputs) -> Tensor:
        """Return which labels (B, K) are there, as 0 and 1."""
        return (main_head(outputs).sigmoid() >= THRESHOLD).to(torch.uint8)

    def score(self, outputs: Outputs, labels: Tensor) -> int:
        """Return how many pictures have every label right: of mixed ones, where half a label is one."""
        return int((self.answers(outputs) == (labels >= THRESHOLD)).all(1).sum())

    def judge(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Return the loss of each picture (B,), its labels and its probabilities (B, K)."""
        losses = binary_cross_entropy_with_logits(outputs, labels.float(), reduction="none")
        return losses.double().sum(1), labels, outputs.sigmoid()

    def scores(self, *kept: Tensor) -> LabelScores:
        """Return the scores of what `judge` kept."""
        losses, labels, probabilities = kept
        return LabelScores(losses, labels, probabilities)

    def guesses(self, outputs: Tensor, *, top: int | None = None) -> list[list[Guess]]:
        """Return for each row of logits (B, K) the labels that are there, or the `top` likeliest whether or not."""
        best = outputs.sigmoid().sort(dim=1, descending=True, stable=True)
        rows = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return [
            [
                Guess(self.classes[i], p)
                for p, i in zip(probabilities[:top], indices[:top], strict=True)
                if top is not None or p >= THRESHOLD
            ]
            for probabilities, indices in rows
        ]

    def _cross_entropy(self, logits: Tensor, targets: Tensor) -> Tensor:
        weights = torch.tensor(self.weights, device=logits.device) if self.weights else None
        losses = binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none")
        return losses.sum(1).mean()
