"""Any number of labels a picture: a yes or no for each, by binary cross-entropy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from striate.tasks.answer import Guess
from striate.tasks.calibration import EVEN, Calibration, label_calibration
from striate.tasks.label_scores import LabelScores
from striate.tasks.metric import Metric
from striate.tasks.task import Outputs, main_head, over_heads


@dataclass(frozen=True)
class MultiLabel:
    """The task of saying of each of `classes` whether it is in the picture.

    `weights` say how much more a label that is there counts in the loss than one that is not; none: alike.
    Probabilities are those of the outputs divided by `temperature`; a label is given from its one of `thresholds` on,
    or from one half where there are none.
    """

    metric: ClassVar[Metric] = Metric("exact_match", "exact match")

    classes: tuple[str, ...]
    label_smoothing: float = 0.0
    weights: tuple[float, ...] = ()
    temperature: float = 1.0
    thresholds: tuple[float, ...] = ()

    def loss(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Return the binary cross-entropy of logits and labels, both (B, K), summed over labels, mean over pictures.

        The sum is how unlikely all labels of a picture together are; a mean over many labels would slow each of them
        down at the usual rates (docs/log.md). With label smoothing e, yes is 1 - e/2 and no is e/2.
        """
        targets = labels.float() * (1 - self.label_smoothing) + self.label_smoothing / 2
        return over_heads(lambda logits: self._cross_entropy(logits, targets), outputs)

    def answers(self, outputs: Outputs) -> Tensor:
        """Return which labels (B, K) are there, as 0 and 1."""
        logits = main_head(outputs)
        return (self._probabilities(logits) >= self._thresholds(logits)).to(torch.uint8)

    def score(self, outputs: Outputs, labels: Tensor) -> int:
        """Return how many pictures have every label right: of mixed ones, where half a label is one."""
        return int((self.answers(outputs) == (labels >= EVEN)).all(1).sum())

    def judge(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Return the loss of each picture (B,), its labels and its probabilities (B, K)."""
        losses = binary_cross_entropy_with_logits(outputs, labels.float(), reduction="none")
        return losses.double().sum(1), labels, self._probabilities(outputs)

    def scores(self, *kept: Tensor) -> LabelScores:
        """Return the scores of what `judge` kept."""
        losses, labels, probabilities = kept
        return LabelScores(losses, labels, probabilities, self._thresholds(probabilities))

    def calibration(self, outputs: Tensor, labels: Tensor) -> Calibration:
        """Return the temperature and the thresholds that validation outputs and labels, both (N, K), ask for."""
        return label_calibration(outputs, labels)

    def calibrated(self, calibration: Calibration) -> "MultiLabel":
        """Return this task with a temperature and a threshold for each label."""
        return replace(self, temperature=calibration.temperature, thresholds=calibration.thresholds)

    def with_threshold(self, threshold: float) -> "MultiLabel":
        """Return this task with one threshold for every label."""
        return replace(self, thresholds=(threshold,) * len(self.classes))

    def merged(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return logits (B, K) whose probabilities are the mean of those of several logits (B, K)."""
        logits = torch.stack([*outputs]) / self.temperature
        # The log odds of a mean, each part from its own logarithm, as 1 - p would lose what is nearly sure.
        return self.temperature * (logsigmoid(logits).logsumexp(0) - logsigmoid(-logits).logsumexp(0))

    def guesses(self, outputs: Tensor, *, top: int | None = None) -> list[list[Guess]]:
        """Return for each row of logits (B, K) the labels that are there, or the `top` likeliest whether or not."""
        best = self._probabilities(outputs).sort(dim=1, descending=True, stable=True)
        passes = self.answers(outputs).bool().gather(1, best.indices)
        rows = zip(best.values.tolist(), best.indices.tolist(), passes.tolist(), strict=True)
        return [
            [
                Guess(self.classes[i], p, there)
                for p, i, there in zip(*(values[:top] for values in row), strict=True)
                if top is not None or there
            ]
            for row in rows
        ]

    def _probabilities(self, logits: Tensor) -> Tensor:
        return (logits / self.temperature).sigmoid()

    def _thresholds(self, like: Tensor) -> Tensor:
        """Return the threshold (K,) of each label."""
        return torch.tensor(self.thresholds or (EVEN,) * len(self.classes), device=like.device)

    def _cross_entropy(self, logits: Tensor, targets: Tensor) -> Tensor:
        weights = torch.tensor(self.weights, device=logits.device) if self.weights else None
        losses = binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none")
        return losses.sum(1).mean()
