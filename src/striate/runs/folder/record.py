"""metrics.jsonl: one line for each logged step, epoch, rollback, split and result, added as the run goes."""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from striate.errors import DataError, command
from striate.host.durable import storage_errors
from striate.host.extras import load_leaf

# The folder of TensorBoard's files in a run folder, if they are asked for.
EVENTS = "tensorboard"
# The bytes that are shown of a line that is no record.
SHOWN = 60


class Record:
    """metrics.jsonl of a run in training, open for adding lines."""

    def __init__(self, path: Path, *, length: int = 0) -> None:
        """Open the file and cut it to `length` bytes: what a resumed run had written at its checkpoint."""
        self._errors = (path, f"go on with: {command('resume', path.parent)}")
        with storage_errors(*self._errors):
            if path.exists():
                os.truncate(path, min(length, path.stat().st_size))
            self._file = path.open("ab", buffering=0)
        self._events = _events(path)

    @property
    def length(self) -> int:
        """The bytes written so far."""
        return self._file.seek(0, os.SEEK_END)

    def write(self, kind: str, values: Mapping[str, Any]) -> None:
        """Add one line and hand it to the system; raises StorageError where the disk is full."""
        line = (json.dumps({"kind": kind, **values}, allow_nan=False) + "\n").encode()
        with storage_errors(*self._errors):
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._events is not None:
                self._events.write(kind, values)

    def sync(self) -> None:
        """Wait until the disk has every line, as it must before a checkpoint is saved that holds the file's length."""
        with storage_errors(*self._errors):
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._events is not None:
            self._events.close()


def load_events() -> ModuleType:
    """Import what writes TensorBoard's files; raises UsageError where the extra is not installed."""
    return load_leaf("striate.runs.folder.events")


def _events(path: Path) -> Any:
    """Return the event file of a run that asked for one by having a folder for it, or None."""
    folder = path.parent / EVENTS
    return load_events().Events(folder, read_record(path)) if folder.is_dir() else None


def read_record(path: Path) -> list[dict[str, Any]]:
    """Return the values of each whole line of metrics.jsonl, or none where there is no file yet.

    A last line cut short by a crash is left out; raises DataError for a broken line before it.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    try:
        records = [json.loads(line) for line in lines]
    except ValueError as error:
        raise DataError(f"{path}: a line is not JSON ({error}). Restore it from a copy.") from error
    for line, record in zip(lines, records, strict=True):
        if not isinstance(record, dict) or not isinstance(record.get("kind"), str):
            shown = line[:SHOWN].decode(errors="backslashreplace")
            raise DataError(f"{path}: a line is no record of a run: {shown}. Restore it from a copy.")
    return records
