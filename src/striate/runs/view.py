"""What every way of looking at runs can be turned into: text, JSON, CSV, a page."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from striate.run import Run
from striate.runs.page import write_page
from striate.runs.table import write_csv


class View(ABC):
    """Runs that are looked at together."""

    @abstractmethod
    def text(self, *, width: int = 80) -> str:
        """Return what a terminal shows, at most `width` cells wide."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""

    @abstractmethod
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return the rows of its CSV file."""

    @abstractmethod
    def opened(self) -> Sequence[Run]:
        """Return the runs themselves."""

    def save_csv(self, path: str | Path) -> None:
        """Write the rows as CSV; raises StorageError where the file cannot be written."""
        write_csv(path, self.rows())

    def save_html(self, path: str | Path) -> None:
        """Write a page with the curves of the runs over each other; raises StorageError likewise."""
        write_page(path, self.opened())

    def __str__(self) -> str:
        return self.text()
