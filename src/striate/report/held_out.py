"""What the held-out pictures of a run show: the tables and pictures of the report."""

from typing import Any, NamedTuple

from striate.data.store.store import Store
from striate.display.chart import scatter, svg_url
from striate.errors import DataError
from striate.progress import Progress
from striate.report.mistakes import largest_errors, surest_mistakes, worst_labelled
from striate.runs.run import Run
from striate.tasks.classification import ClassScores
from striate.tasks.multi_label import LabelScores
from striate.tasks.regression import TargetScores
from striate.tasks.task import Scores

MISTAKES_SHOWN = 24
# A confusion matrix with more classes than this is shown as its most frequent confusions.
MATRIX_CLASSES = 30
CONFUSIONS_SHOWN = 40


class Scored(NamedTuple):
    """Held-out pictures and how a network does on them."""

    store: Store
    scores: Scores


def held_out(run: Run, known: Scored | None, *, progress: Progress) -> dict[str, Any] | str:
    """Return what the held-out pictures show, as the page's parts for the run's task name it, or why nothing."""
    if not {"val", "test"} & run.manifest.splits.keys():
        return "the run held no pictures out"
    try:
        store, scores = known or _scored(run, progress)
    except DataError as error:
        return str(error)
    shown = {"images": len(store), "rows": scores.per_class(run.classes)}
    if isinstance(scores, ClassScores):
        return shown | _classes(scores, store, run.classes)
    if isinstance(scores, LabelScores):
        return shown | {"mistakes": worst_labelled(scores, store, run.classes, count=MISTAKES_SHOWN)}
    assert isinstance(scores, TargetScores)
    return shown | {
        "scatters": [svg_url(scatter(*pair)) for pair in zip(scores.labels.T, scores.answers.T, strict=True)],
        "mistakes": largest_errors(scores, store, run.recipe.targets.std, count=MISTAKES_SHOWN),
    }


def _scored(run: Run, progress: Progress) -> Scored:
    store = run.load(progress=progress)
    return Scored(store, run.score(store))


def _classes(scores: ClassScores, store: Store, classes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "matrix": _matrix(scores) if len(classes) <= MATRIX_CLASSES else None,
        "confusions": _confusions(scores, classes),
        "mistakes": surest_mistakes(scores, store, classes, count=MISTAKES_SHOWN),
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
