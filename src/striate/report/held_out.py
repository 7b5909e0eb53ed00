"""What the held-out pictures of a run show: the tables and pictures of the report."""

from typing import Any, NamedTuple

from striate.data.store.store import Store
from striate.errors import DataError
from striate.progress import Progress
from striate.report.panels import PANELS
from striate.runs.run import Run
from striate.tasks.task import Scores


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
    return shown | PANELS[run.task.panel].parts(run, store, scores)


def _scored(run: Run, progress: Progress) -> Scored:
    store = run.load(progress=progress)
    return Scored(store, run.score(store))
