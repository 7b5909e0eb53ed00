"""The pictures a network answers worst, shown small."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from striate.data.store.store import Store
from striate.display.picture import picture_url
from striate.tasks.classification import ClassScores
from striate.tasks.multi_label import LabelScores
from striate.tasks.regression import TargetScores


@dataclass(frozen=True)
class Mistake:
    """One picture named wrongly: its name in the data set, both classes, the confidence, and its pixels as a URL."""

    name: str
    truth: str
    answer: str
    confidence: float
    url: str


@dataclass(frozen=True)
class Labelled:
    """One picture with wrong labels: its name, the labels it has, those it was given, and its pixels as a URL."""

    name: str
    truth: tuple[str, ...]
    answer: tuple[str, ...]
    url: str


@dataclass(frozen=True)
class Measured:
    """One picture with (truth, answer) of each target: its name, the largest error in deviations, its pixels."""

    name: str
    numbers: tuple[tuple[float, float], ...]
    error: float
    url: str


def surest_mistakes(
    scores: ClassScores, store: Store, classes: tuple[str, ...], *, count: int
) -> list[Mistake]:
    """Return the `count` wrong answers of highest confidence, the surest first, in the pixels the network saw."""
    wrong = (scores.labels != scores.answers).nonzero().flatten()
    ranked = wrong[scores.confidences[wrong].argsort(descending=True, stable=True)][:count]
    return [
        Mistake(
            name=store.names[i],
            truth=classes[int(scores.labels[i])],
            answer=classes[int(scores.answers[i])],
            confidence=float(scores.confidences[i]),
            url=picture_url(store.take(np.array([i]))[0]),
        )
        for i in ranked.tolist()
    ]


def worst_labelled(
    scores: LabelScores, store: Store, classes: tuple[str, ...], *, count: int
) -> list[Labelled]:
    """Return the `count` pictures of largest loss that have a label wrong, the worst first."""
    wrong = (scores.labels != scores.answers).any(1).nonzero().flatten()
    ranked = wrong[scores.losses[wrong].argsort(descending=True, stable=True)][:count]

    def named(row: Tensor) -> tuple[str, ...]:
        return tuple(classes[i] for i in row.nonzero().flatten().tolist())

    return [
        Labelled(
            store.names[i],
            named(scores.labels[i]),
            named(scores.answers[i]),
            picture_url(store.take(np.array([i]))[0]),
        )
        for i in ranked.tolist()
    ]


def largest_errors(
    scores: TargetScores, store: Store, deviations: tuple[float, ...], *, count: int
) -> list[Measured]:
    """Return the `count` pictures with the largest error of any target, counted in the target's deviation."""
    errors = (scores.answers - scores.labels).abs() / torch.tensor(deviations, dtype=torch.double)
    worst = errors.amax(1)
    pairs = torch.stack([scores.labels, scores.answers], 2).tolist()
    return [
        Measured(
            name=store.names[i],
            numbers=tuple((truth, answer) for truth, answer in pairs[i]),
            error=float(worst[i]),
            url=picture_url(store.take(np.array([i]))[0]),
        )
        for i in worst.argsort(descending=True, stable=True)[:count].tolist()
    ]
