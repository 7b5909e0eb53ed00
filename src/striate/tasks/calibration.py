"""Calibration: probabilities that say how often an answer is right, and when it is better to give none.

A temperature divides the outputs, so that answers stay and probabilities change (Guo et al. 2017, "On calibration of
modern neural networks", https://arxiv.org/abs/1706.04599). It is fitted to the validation pictures.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# Temperatures looked at, and the halvings of that range: finer than float32 can tell.
COLDEST, HOTTEST = 0.05, 20.0
HALVINGS = 40
# The bins of equal width over which the calibration error is taken, as in the paper.
BINS = 15
# The share of right answers that shall pass the threshold of 'none of these'.
PASSING = 0.95
DIGITS = 10_000
# Fewer pictures with a label, or without it, say too little to choose a threshold for it.
FEWEST = 10
EVEN = 0.5


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was found on `images` validation pictures; 0 of them: nothing was fitted.

    `temperature` divides the outputs. Under `threshold` the likeliest class is not believed; `thresholds` are those
    of each label where a picture may have several, empty for one half each.
    """

    temperature: float = 1.0
    threshold: float = 0.0
    thresholds: tuple[float, ...] = ()
    images: int = 0


def class_calibration(logits: Tensor, labels: Tensor) -> Calibration:
    """Return temperature and threshold for logits (N, K) and class indices (N,) they should name."""
    logits, labels = logits.double().cpu(), labels.cpu()
    num_classes = logits.shape[1]
    # Platt's targets (1999, section 2.2): as if one more picture had been seen whose class is not known. Without it
    # few pictures, all answered rightly, would ask for a temperature of 0.
    unsure = 1 / (len(logits) + 2)
    truth = logits.gather(1, labels[:, None])[:, 0]
    wanted = (1 - unsure) * truth + unsure * logits.mean(1)

    def slope(sharpness: float) -> float:
        return float(((sharpness * logits).softmax(1) * logits).sum(1).sub(wanted).mean())

    temperature = _temperature(slope)
    sure = (logits / temperature).softmax(1).max(1)
    right = sure.values[sure.indices == labels]
    threshold = passing_threshold(right) if num_classes > 1 else 0.0
    return Calibration(temperature=temperature, threshold=threshold, images=len(logits))


def label_calibration(logits: Tensor, labels: Tensor) -> Calibration:
    """Return the temperature, and the thresholds of best F1, for logits (N, K) and labels (N, K) of 0 and 1."""
    logits, labels = logits.double().cpu(), labels.cpu()
    unsure = 1 / (len(logits) + 2)
    wanted = (labels.double() * (1 - unsure) + unsure / 2) * logits

    def slope(sharpness: float) -> float:
        return float(((sharpness * logits).sigmoid() * logits - wanted).mean())

    temperature = _temperature(slope)
    columns = zip((logits / temperature).sigmoid().T, labels.T, strict=True)
    thresholds = tuple(best_threshold(probabilities, there) for probabilities, there in columns)
    return Calibration(temperature=temperature, thresholds=thresholds, images=len(logits))


def passing_threshold(right: Tensor) -> float:
    """Return the threshold that PASSING of the confidences of right answers (R,) reach, rounded down; of none, 0."""
    if not len(right):
        return 0.0
    lowest = float(right.sort().values[int(len(right) * (1 - PASSING))])
    return math.floor(lowest * DIGITS) / DIGITS


def best_threshold(probabilities: Tensor, there: Tensor) -> float:
    """Return the threshold of largest F1 for probabilities (N,) of a label and whether it is there (N,).

    It lies halfway between two neighbouring probabilities. One half where the label is there, or is not, in fewer
    than FEWEST pictures, and where no other is better.
    """
    there = there.bool()
    count = int(there.sum())
    if min(count, len(there) - count) < FEWEST:
        return EVEN
    ordered, places = probabilities.double().sort(descending=True, stable=True)
    right = there[places].cumsum(0).double()
    given = torch.arange(1, len(there) + 1)
    f1 = 2 * right / (given + count)
    f1[:-1][ordered[:-1] == ordered[1:]] = 0  # a threshold cannot part equal probabilities
    best = int(f1.argmax())
    even = probabilities >= EVEN
    if 2 * int((even & there).sum()) / (int(even.sum()) + count) >= float(f1[best]):
        return EVEN
    below = float(ordered[best + 1]) if best + 1 < len(ordered) else 0.0
    return (float(ordered[best]) + below) / 2


def calibration_error(confidences: Tensor, right: Tensor) -> float:
    """Return the expected calibration error of confidences (N,) and whether each answer was right (N,).

    The mean distance between confidence and accuracy over BINS bins of equal width, each by its pictures (Guo et al.,
    equation 3).
    """
    confidences = confidences.double()
    bins = (confidences * BINS).ceil().long().clamp(1, BINS) - 1
    gaps = torch.zeros(BINS, dtype=torch.double).index_add_(0, bins, confidences - right.double())
    return float(gaps.abs().sum()) / len(confidences)


def _temperature(slope: Callable[[float], float]) -> float:
    """Return 1 / b at the b where the slope of the loss is 0.

    The loss is convex in b, which multiplies the outputs, so that its slope only rises and halving finds the place.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return (low * high) ** -0.5
