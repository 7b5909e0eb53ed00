"""What every way of looking at runs can be turned into: text, JSON, CSV, a page."""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from striate.host.durable import storage_errors, write_file
from striate.runs.history.page import write_page
from striate.runs.run import Run


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


def write_csv(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV (RFC 4180, UTF-8) with a heading of every name that a row has; what is not known is empty.

    Lists stand as JSON. Raises StorageError where the file cannot be written.
    """
    out = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, names, restval="")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    with storage_errors(Path(path), "try again."):
        write_file(Path(path), out.getvalue().encode("utf-8", "backslashreplace"))


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
