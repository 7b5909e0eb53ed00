"""metrics.jsonl: one line per logged step and per epoch, added as the run goes."""

import json
import os
from pathlib import Path
from typing import Any, Self

from striate.training.checkpoint import storage_errors


class Record:
    """The metrics file of a running run, open for adding lines."""

    def __init__(self, path: Path, *, length: int = 0) -> None:
        """Open the file and cut it to `length` bytes: what a resumed run had written at its checkpoint."""
        self._path = path
        with storage_errors(path.parent):
            self._file = path.open("ab")
            self._file.truncate(length)

    @property
    def length(self) -> int:
        """The bytes written so far."""
        return self._file.seek(0, os.SEEK_END)

    def write(self, kind: str, **values: Any) -> None:
        """Add one line and hand it to the system; raises StorageError where the disk is full."""
        line = json.dumps({"kind": kind, **values}, allow_nan=False) + "\n"
        with storage_errors(self._path.parent):
            self._file.write(line.encode())
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
