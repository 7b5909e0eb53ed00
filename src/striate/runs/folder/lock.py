""".lock: held by the one process that writes a run folder."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from striate.errors import UsageError, command
from striate.host.durable import storage_errors

LOCK = ".lock"
# Seconds before each try for the lock, since `is_being_written` of another process holds it for an instant.
TRIES = (0.0, 0.01, 0.05)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a run folder's lock while inside; raises UsageError where another process holds it."""
    with storage_errors(folder, f"run: {command('resume', folder)}"):
        file = (folder / LOCK).open("wb")
    with file:
        if not any(_locked(file, fcntl.LOCK_EX, after=seconds) for seconds in TRIES):
            raise UsageError(f"{folder}: another process is writing this run. Wait for it or stop it.")
        yield


def is_being_written(folder: Path) -> bool:
    """Say whether a process holds the lock of a run folder; nothing is written there to find out."""
    try:
        with (folder / LOCK).open("rb") as file:
            return not _locked(file, fcntl.LOCK_SH)
    except OSError:  # there is no lock, or it may not be read
        return False


def _locked(file: BinaryIO, kind: int, *, after: float = 0.0) -> bool:
    """Try to take a lock `after` some seconds, and say whether that succeeded."""
    time.sleep(after)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
