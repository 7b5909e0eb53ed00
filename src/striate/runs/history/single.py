"""One run, epoch by epoch: its facts, and curves of loss and score for a terminal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from striate.display.braille import labelled
from striate.display.columns import shown
from striate.runs.history.facts import RunFacts, run_facts
from striate.runs.history.view import View
from striate.runs.run import Run, open_run

GAP = "   "


@dataclass(frozen=True)
class RunView(View):
    """One run: its facts, and what metrics.jsonl has of each epoch."""

    run: Run
    facts: RunFacts
    epochs: Sequence[Mapping[str, Any]]

    def text(self, *, width: int = 80) -> str:
        """Return a line a fact, and the curves."""
        lines = [f"{name:<8} {shown(value)}" for name, value in self.facts.to_dict().items()]
        curves = self.curves()
        return "\n".join([*lines, *(["", curves] if curves else [])])

    def curves(self) -> str:
        """Return loss and score over the epochs, of held-out pictures where there are any.

        Nothing for a run of under two epochs, which has no curve.
        """
        if len(self.epochs) < 2:
            return ""
        metric = self.facts.metric
        split = next((s for s in ("val", "test") if f"{s}_loss" in self.epochs[0]), "train")
        loss, score = self._column(f"{split}_loss"), self._column(f"{split}_{metric.key}")
        return "\n".join(
            _beside(
                labelled(f"{split} loss", loss, _ends(loss, "{:.4g}".format)),
                labelled(f"{split} {metric.name}", score, _ends(score, metric.text)),
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the facts and the epochs."""
        return {**self.facts.to_dict(), "history": list(self.epochs)}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return a row an epoch."""
        return self.epochs

    def opened(self) -> Sequence[Run]:
        """Return the run."""
        return [self.run]

    def _column(self, name: str) -> list[float | None]:
        return [line.get(name) for line in self.epochs]


def show_run(run: str | Path | Run) -> RunView:
    """Return a run to look at; raises DataError where it cannot be read."""
    run = run if isinstance(run, Run) else open_run(run)
    epochs = [
        {name: value for name, value in line.items() if name != "kind"}
        for line in run.metrics
        if line.get("kind") == "epoch"
    ]
    return RunView(run, run_facts(run), epochs)


def _ends(values: Sequence[float | None], text: Callable[[float], str]) -> tuple[str, str]:
    """Return the texts of the largest and the smallest value."""
    known = [value for value in values if value is not None]
    return (text(max(known)), text(min(known))) if known else ("-", "-")


def _beside(left: Sequence[str], right: Sequence[str]) -> list[str]:
    width = max(map(cell_len, left))
    pairs = zip_longest(left, right, fillvalue="")
    return [(a + " " * (width - cell_len(a)) + GAP + b).rstrip() for a, b in pairs]
