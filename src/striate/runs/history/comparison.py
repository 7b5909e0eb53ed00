"""Runs side by side: the settings in which they differ, and their results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.display.columns import GAP, LEAST, UNKNOWN, aligned, shown
from striate.errors import UsageError
from striate.runs.history.facts import RunFacts, run_facts
from striate.runs.history.page import distinct_names
from striate.runs.history.view import View
from striate.runs.run import Run, open_run
from striate.units import duration

# Cells of a setting's name, at most, and of a run's column where they must be shared out.
NAME_CELLS = 24
COLUMN_CELLS = 14


@dataclass(frozen=True)
class Comparison(View):
    """Two runs or more, and the settings of their recipes that are not alike: the value of each run in order.

    A setting that a run does not have is None.
    """

    runs: tuple[Run, ...]
    facts: tuple[RunFacts, ...]
    settings: Mapping[str, tuple[Any, ...]]

    def text(self, *, width: int = 80) -> str:
        """Return a column a run, at most `width` cells wide together; more runs than fit go below each other."""
        room = width - NAME_CELLS
        at_once = max(1, room // (COLUMN_CELLS + len(GAP)))
        blocks = [
            "\n".join(self._block(slice(start, start + at_once), width))
            for start in range(0, len(self.runs), at_once)
        ]
        return "\n\n".join(blocks)

    def to_dict(self) -> dict[str, Any]:
        """Return settings and results as JSON has them."""
        return {
            "runs": [facts.to_dict() for facts in self.facts],
            "settings": {name: list(values) for name, values in self.settings.items()},
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return a row a run: its facts, and the settings that differ."""
        return [
            {**facts.to_dict(), **{name: values[i] for name, values in self.settings.items()}}
            for i, facts in enumerate(self.facts)
        ]

    def opened(self) -> Sequence[Run]:
        """Return the runs."""
        return self.runs

    def _block(self, part: slice, width: int) -> list[str]:
        """Return the lines of some of the runs."""
        names = distinct_names(self.runs)
        rows: list[Sequence[str]] = [("", *names[part])]
        rows += [(name, *map(shown, values[part])) for name, values in self.settings.items()]
        if not self.settings:
            rows.append(("the settings are alike", *("" for _ in names[part])))
        rows += [(name, *(row[name] for row in map(_result, self.facts[part]))) for name in RESULTS]
        lines = aligned(rows, left=range(len(rows[0])), width=max(width, LEAST))
        lines.insert(len(rows) - len(RESULTS), "")
        return lines


RESULTS = ("state", "epochs", "score", "loss", "scored on", "time")


def compare_runs(folders: Sequence[str | Path | Run]) -> Comparison:
    """Return runs side by side; raises UsageError for fewer than two, DataError where one cannot be read."""
    if len(folders) < 2:
        raise UsageError(f"{len(folders)} run given; two or more can be compared.")
    runs = tuple(folder if isinstance(folder, Run) else open_run(folder) for folder in folders)
    return Comparison(runs, tuple(map(run_facts, runs)), differences(runs))


def differences(runs: Sequence[Run]) -> dict[str, tuple[Any, ...]]:
    """Return the settings of the recipes that are not alike, by dotted name: the value of each run in order.

    None is a setting that a run does not have.
    """
    recipes = [flat(run.recipe.to_dict()) for run in runs]
    names = dict.fromkeys(name for recipe in recipes for name in recipe)
    rows = {name: tuple(recipe.get(name) for recipe in recipes) for name in names}
    return {name: values for name, values in rows.items() if any(value != values[0] for value in values)}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted name."""
    rows: dict[str, Any] = {}
    for name, value in values.items():
        rows |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return rows


def _result(run: RunFacts) -> dict[str, str]:
    """Return the results of a run as text, by the names of RESULTS."""
    return {
        "state": run.state,
        "epochs": f"{run.epochs}/{run.planned}",
        "score": f"{run.metric.name} {run.metric.text(run.score)}",
        "loss": UNKNOWN if run.loss is None else f"{run.loss:.4f}",
        "scored on": run.split or UNKNOWN,
        "time": duration(run.seconds),
    }
