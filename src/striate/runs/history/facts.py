"""A run in short: its state, and its scores so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from striate.errors import DataError
from striate.runs.folder.lock import is_being_written
from striate.runs.folder.recovery import load_recovery
from striate.runs.folder.result import has_result
from striate.runs.run import Run
from striate.sources.place import short_name
from striate.tasks.catalog import make_task
from striate.tasks.task import Metric

State = Literal["finished", "running", "stopped", "diverged"]


@dataclass(frozen=True)
class RunFacts:
    """A run in short; what is not known yet is None.

    `score` and `loss` are those of the result, else of the last epoch, on held-out pictures if there are any, and
    `split` is where they were taken. `epochs` of `planned` are done. `seconds` is the time of the training epochs,
    without reading the data and scoring. `started` is an ISO date and time.
    """

    folder: Path
    state: State
    net: str
    data: str
    epochs: int
    planned: int
    metric: Metric
    score: float | None
    loss: float | None
    split: str | None
    seconds: float
    started: str

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON and CSV have them."""
        values = {**vars(self), "run": str(self.folder), "metric": self.metric.key}
        order = (
            "run",
            "state",
            "net",
            "data",
            "epochs",
            "planned",
            "metric",
            "score",
            "loss",
            "split",
            "seconds",
        )
        return {name: values[name] for name in (*order, "started")}


def run_facts(run: Run) -> RunFacts:
    """Return a run in short; raises DataError where one of its files is missing or broken."""
    lines = run.metrics
    metric = make_task(run.recipe.task, run.classes, scale=run.recipe.targets).metric
    epochs = [line for line in lines if line.get("kind") == "epoch"]
    split, score, loss = _scored(lines, metric)
    return RunFacts(
        folder=run.folder,
        state=_state(run, lines),
        net=run.recipe.net,
        data=short_name(run.recipe.data),
        epochs=len(epochs),
        planned=run.recipe.train.epochs,
        metric=metric,
        score=score,
        loss=loss,
        split=split,
        seconds=round(sum(line.get("seconds", 0.0) for line in epochs), 3),
        started=_started(run),
    )


def _state(run: Run, lines: Sequence[Mapping[str, Any]]) -> State:
    if is_being_written(run.folder):
        return "running"
    if has_result(run.folder):
        return "finished"
    recovery = load_recovery(run.folder)
    # A rollback that recovery.json has and metrics.jsonl has not is still to be made: the run stopped instead.
    acted_on = sum(line.get("kind") == "rollback" for line in lines)
    return "diverged" if recovery.given_up or len(recovery.rollbacks) > acted_on else "stopped"


def _scored(
    lines: Sequence[Mapping[str, Any]], metric: Metric
) -> tuple[str | None, float | None, float | None]:
    """Return split, score and loss of the result, else of the last epoch."""
    for line in reversed(lines):
        if line.get("kind") == "result":
            return line.get("split"), line.get(metric.key), line.get("loss")
        if line.get("kind") == "epoch":
            split = next((s for s in ("val", "test", "train") if f"{s}_loss" in line), None)
            return split, line.get(f"{split}_{metric.key}"), line.get(f"{split}_loss")
    return None, None, None


def _started(run: Run) -> str:
    """Return when a run started; raises DataError where env.json has something else than a date for it."""
    started = run.environment.get("started")
    if not started:
        return _changed(run.folder / "recipe.toml")
    try:
        datetime.fromisoformat(started)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{run.folder / 'env.json'}: started is {started!r}, which is no date. Restore it from a copy."
        ) from error
    return str(started)


def _changed(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone().isoformat(timespec="seconds")
