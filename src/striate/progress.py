"""How long work tells the outside what it is doing: the command line draws it, a script may ignore it."""

from typing import Protocol

# How a phase's score is shown unless it says otherwise.
ACCURACY = "accuracy {:.1%}"


class Progress(Protocol):
    """A listener of work that takes longer than a moment."""

    def say(self, line: str) -> None:
        """Tell the user one finished sentence."""

    def begin(self, phase: str, total: int, *, score: str = ACCURACY, unit: str = "images") -> None:
        """Start a phase of `total` pictures, or other units; the phase before it has ended.

        `score` is the format string in which `advance` shows the phase's score, such as 'R2 {:.3f}'.
        """

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        """Count units done, with loss and accuracy so far where the phase has them, or another score of its task."""

    def end(self) -> None:
        """End the last phase."""


class Silent:
    """A listener that does nothing."""

    def say(self, line: str) -> None:
        """Ignore the sentence."""

    def begin(self, phase: str, total: int, *, score: str = ACCURACY, unit: str = "images") -> None:
        """Ignore the phase."""

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        """Ignore the count."""

    def end(self) -> None:
        """Ignore the end."""
