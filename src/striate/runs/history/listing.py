"""The runs below a folder, as a table that is sorted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from striate.display.columns import UNKNOWN, aligned, natural_width
from striate.errors import DataError, unknown
from striate.runs.history.facts import RunFacts, run_facts
from striate.runs.history.view import View
from striate.runs.run import Run, open_run
from striate.units import duration

# What makes a folder a run's, or what is left of one.
MARKS = ("recipe.toml", "metrics.jsonl", "checkpoints", "model", "data.json")
SORTS = ("date", "score", "loss", "seconds", "name", "net", "state")
# Columns left out where the name of every run says them, as runs/<date>-<net>-<data> does.
SAID_BY_NAMES = ("date", "net", "data")
# Columns left out one by one where the terminal is narrow, before a name is cut.
LEFT_OUT = ("date", "data", "net")
LEFT = ("run", "state", "net", "data", "date")


@dataclass(frozen=True)
class BrokenRun:
    """A folder that was a run's and cannot be read, and why."""

    folder: Path
    reason: str


@dataclass(frozen=True)
class RunList(View):
    """The runs below the folder `root`, and those that cannot be read."""

    root: Path
    runs: tuple[RunFacts, ...]
    broken: tuple[BrokenRun, ...] = ()

    def text(self, *, width: int = 80) -> str:
        """Return a line a run, at most `width` cells wide, below it those that cannot be read and why.

        Date, data and network are left out where the name of every run says them, or there is no room.
        """
        if not self.runs:
            lines = [f"no runs below {self.root}"]
        else:
            rows = [_cells(run, self.root) for run in self.runs]
            shown = _columns(rows, width)
            left = [i for i, name in enumerate(shown) if name in LEFT]
            lines = aligned([shown, *([row[c] for c in shown] for row in rows)], left=left, width=width)
        return "\n".join([*lines, *(f"not readable: {broken.reason}" for broken in self.broken)])

    def to_dict(self) -> dict[str, Any]:
        """Return all that is known of the runs, as JSON has it."""
        return {
            "runs": [run.to_dict() for run in self.runs],
            "broken": [{"run": str(b.folder), "reason": b.reason} for b in self.broken],
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return a row a run."""
        return [run.to_dict() for run in self.runs]

    def opened(self) -> Sequence[Run]:
        """Return the runs that can be read."""
        return [open_run(run.folder) for run in self.runs]


def list_runs(folder: str | Path = "runs", *, sort: str = "date") -> RunList:
    """Return the runs below a folder at any depth: the newest first, or the best, the shortest, or by name.

    `sort` is one of date, score, loss, seconds, name, net and state. A folder that cannot be read is listed with the
    reason. Raises UsageError for another `sort`, DataError where there is no folder.
    """
    if sort not in SORTS:
        raise unknown("sorting", sort, SORTS)
    root = Path(folder)
    if not root.is_dir():
        what = "a file" if root.exists() else "no such folder"
        raise DataError(f"{folder}: {what}. `striate train` makes runs/; give the folder that has the runs.")
    found: list[RunFacts] = []
    broken: list[BrokenRun] = []
    for path in _run_folders(root):
        try:
            found.append(run_facts(open_run(path)))
        except DataError as error:
            broken.append(BrokenRun(path, str(error)))
    return RunList(root, _sorted(found, sort), tuple(broken))


def _run_folders(root: Path) -> Iterator[Path]:
    """Yield the folders that have a run's files; what lies within one is the run's own."""
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or not path.is_dir() or path.is_symlink():
            continue
        if any((path / mark).exists() for mark in MARKS):
            yield path
        else:
            yield from _run_folders(path)


def _sorted(runs: Sequence[RunFacts], sort: str) -> tuple[RunFacts, ...]:
    """Return runs by one of SORTS; those without the number come last."""
    newest = sorted(runs, key=lambda run: (datetime.fromisoformat(run.started).timestamp(), str(run.folder)))[
        ::-1
    ]
    if sort == "date":
        return tuple(newest)
    if sort in ("name", "net", "state"):
        return tuple(
            sorted(newest, key=lambda run: run.folder.name if sort == "name" else getattr(run, sort))
        )
    known = [run for run in newest if getattr(run, sort) is not None]
    rest = [run for run in newest if getattr(run, sort) is None]
    return (*sorted(known, key=lambda run: _sign(run, sort) * getattr(run, sort)), *rest)


def _sign(run: RunFacts, sort: str) -> int:
    """Return -1 where the largest number goes first: of a score that is better the larger it is."""
    return -1 if sort == "score" and run.metric.more_is_better else 1


def _cells(run: RunFacts, root: Path) -> dict[str, str]:
    """Return what the table shows of a run."""
    return {
        "run": run.folder.relative_to(root).as_posix(),
        "state": run.state,
        "net": run.net,
        "data": run.data,
        "epochs": str(run.epochs) if run.epochs == run.planned else f"{run.epochs}/{run.planned}",
        "score": run.metric.text(run.score),
        "loss": UNKNOWN if run.loss is None else f"{run.loss:.4g}",
        "time": duration(run.seconds),
        "date": run.started[:10],
    }


def _columns(rows: Sequence[dict[str, str]], width: int) -> list[str]:
    """Return the columns to show."""

    def is_said(column: str) -> bool:
        return column in SAID_BY_NAMES and all(row[column] in row["run"] for row in rows)

    shown = [column for column in rows[0] if not is_said(column)]
    for column in LEFT_OUT:
        if natural_width([shown, *([row[c] for c in shown] for row in rows)]) > width and column in shown:
            shown.remove(column)
    return shown
