"""Any number of labels a picture: a yes or no for each, by binary cross-entropy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from striate.tasks.calibration import EVEN, Calibration, label_calibration
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


@dataclass(frozen=True)
class MultiLabel:
    """The task of saying of each of `classes` whether it is in the picture.

    `weights` say how much more a label that is there counts in the loss than one that is not; none: alike.
    Probabilities are those of the outputs divided by `temperature`; a label is given from its one of `thresholds` on,
    or from one half where there are none.
    """

    metric: ClassVar[Metric] = Metric("exact_match", "exact match")
    panel: ClassVar[str] = "labels"
    # Labels do not share one probability, of which smoothing would keep some for the others.
    usual_smoothing: ClassVar[float] = 0.0

    classes: tuple[str, ...]
    label_smoothing: float = 0.0
    weights: tuple[float, ...] = ()
    temperature: float = 1.0
    thresholds: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, classes: tuple[str, ...], *, scale: Scale, label_smoothing: float, weights: tuple[float, ...]
    ) -> "MultiLabel":
        """Return the task of saying of each of `classes` whether it is in the picture."""
        return cls(classes, label_smoothing, weights)

    @staticmethod
    def scale_of(labels: Tensor) -> Scale:
        """Return no scale: labels are not measured."""
        return Scale()

    @property
    def head(self) -> Head:
        """A logit for each label."""
        return Head("vector", len(self.classes))

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

    def unflipped(self, outputs: Tensor) -> Tensor:
        """Return the outputs as they are: they say no places."""
        return outputs

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

    def none_of_these(self, guesses: Sequence[Answer]) -> None:
        """Return None: a picture may have none of the labels, and that is an answer."""

    def loss_lines(self) -> list[str]:
        """Return lines of plain PyTorch that return the binary cross-entropy of `logits` and `labels`."""
        smoothing = self.label_smoothing
        told = f", pos_weight=torch.tensor({list(self.weights)})" if self.weights else ""
        return [
            f"targets = labels.float() * (1 - {smoothing}) + {smoothing} / 2",
            f'losses = F.binary_cross_entropy_with_logits(logits, targets{told}, reduction="none")',
            "return losses.sum(1).mean()",
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


def average_precision(truth: Tensor, probabilities: Tensor) -> float:
    """Return the area under the steps of precision over recall, sum of (R_n - R_(n-1)) P_n over all thresholds.

    `truth` and `probabilities` are (N,). Pictures of one probability pass the threshold together. nan where no
    picture has the label. It is not interpolated, as in scikit-learn and unlike the measure of PASCAL VOC 2007.
    """
    order = probabilities.argsort(descending=True, stable=True)
    ranked, found = probabilities[order], truth[order].double().cumsum(0)
    last = torch.ones(len(ranked), dtype=torch.bool)  # of the pictures of one probability
    last[:-1] = ranked[1:] != ranked[:-1]
    precision = found / torch.arange(1, len(found) + 1)
    recall = found[last] / found[-1]
    return float((recall.diff(prepend=torch.zeros(1)) * precision[last]).sum())
