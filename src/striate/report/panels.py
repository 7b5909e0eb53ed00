"""How a report draws the answers and mistakes of a network: one panel a task, by the name that the task gives."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from striate.data.store.store import Store
from striate.display.chart import scatter, svg_url
from striate.report.mistakes import largest_errors, surest_mistakes, worst_labelled
from striate.runs.run import Run
from striate.tasks.classification import ClassScores
from striate.tasks.multi_label import LabelScores
from striate.tasks.regression import TargetScores

MISTAKES_SHOWN = 24
# A confusion matrix with more classes than this is shown as its most frequent confusions.
MATRIX_CLASSES = 30
CONFUSIONS_SHOWN = 40


class Panel(NamedTuple):
    """A template, and what it is given of a run, its held-out pictures and their scores."""

    template: str
    parts: Callable[[Run, Store, Any], dict[str, Any]]


def _confusion_parts(run: Run, store: Store, scores: ClassScores) -> dict[str, Any]:
    return {
        "matrix": _matrix(scores) if len(run.classes) <= MATRIX_CLASSES else None,
        "confusions": _confusions(scores, run.classes),
        "mistakes": surest_mistakes(scores, store, run.classes, count=MISTAKES_SHOWN),
    }


def _label_parts(run: Run, store: Store, scores: LabelScores) -> dict[str, Any]:
    return {"mistakes": worst_labelled(scores, store, run.classes, count=MISTAKES_SHOWN)}


def _number_parts(run: Run, store: Store, scores: TargetScores) -> dict[str, Any]:
    return {
        "scatters": [svg_url(scatter(*pair)) for pair in zip(scores.labels.T, scores.answers.T, strict=True)],
        "mistakes": largest_errors(scores, store, run.recipe.targets.std, count=MISTAKES_SHOWN),
    }


PANELS: Mapping[str, Panel] = {
    "confusions": Panel("confusions.html", _confusion_parts),
    "labels": Panel("labels.html", _label_parts),
    "numbers": Panel("numbers.html", _number_parts),
}


def _matrix(scores: ClassScores) -> list[list[tuple[int, float]]]:
    """Return each cell's count and its share of its row."""
    rows = scores.confusion.tolist()
    return [[(count, count / max(1, sum(row))) for count in row] for row in rows]


def _confusions(scores: ClassScores, classes: tuple[str, ...]) -> list[tuple[str, str, int]]:
    """Return the most frequent (truth, answer, count) off the diagonal."""
    counts = scores.confusion
    counts.fill_diagonal_(0)
    best = counts.flatten().sort(descending=True, stable=True)
    pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
    found = [(classes[i // len(classes)], classes[i % len(classes)], n) for n, i in pairs if n > 0]
    return found[:CONFUSIONS_SHOWN]
