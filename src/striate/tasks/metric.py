"""Numbers by which tasks are watched, and how they are written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """The number a task is watched by: its key in metrics.jsonl, its name, and whether it is a share."""

    key: str
    name: str
    share: bool = True

    def text(self, value: float | None) -> str:
        """Return a value as a percentage or with three decimals; a dash where it is not defined."""
        if value is None:
            return "-"
        return f"{value:.2%}" if self.share else f"{value:.3f}"

    @property
    def form(self) -> str:
        """The format string in which progress shows a value and its name."""
        return f"{self.name} {{:.1%}}" if self.share else f"{self.name} {{:.3f}}"


def or_none(value: float) -> float | None:
    """Return a number, or None for nan, which JSON has no word for."""
    return None if value != value else value


def percent(share: float | None) -> str:
    """Return a share as a percentage of fixed width, or a dash where there is none."""
    return "     -" if share is None else f"{share:6.1%}"
