"""Progress on the terminal: a bar with rate and time left, and finished lines above it."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class RateColumn(ProgressColumn):
    """Pictures or other units per second, over the last half minute."""

    def render(self, task: Task) -> Text:
        """Return the rate, or nothing before it is known."""
        return Text(f"{task.speed:,.0f} {task.fields['unit']}/s" if task.speed else "")


class TerminalProgress:
    """Draws on standard error, so that standard output stays what was asked for."""

    def __init__(self) -> None:
        self._score = ""
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[scores]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, markup=False, emoji=False)

    def begin(self, phase: str, total: int, *, score: str = "accuracy {:.1%}", unit: str = "images") -> None:
        """Start a new bar; the one before it disappears."""
        self.end()
        self._score = score
        self._bars.start()
        self._bars.add_task(phase, total=total, scores="", unit=unit)

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        """Move the bar, with the loss and the score so far."""
        shown = loss is not None and accuracy is not None
        scores = f"loss {loss:.3f}  {self._score.format(accuracy)}" if shown else ""
        for task in self._bars.task_ids:
            self._bars.update(task, advance=count, scores=scores)

    def end(self) -> None:
        """Take the bar away."""
        for task in self._bars.task_ids:
            self._bars.remove_task(task)
        self._bars.stop()
