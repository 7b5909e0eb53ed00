"""What protects a run from outside: one writer a folder, and signals that stop it between two steps."""

import fcntl
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Self

from striate.durable import storage_errors
from striate.errors import UsageError, command

LOCK = ".lock"
# A reader that asks whether a run is being written holds the lock for an instant: seconds between tries for it.
TRIES = (0.0, 0.01, 0.05)
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a run folder's lock; raises UsageError where another process holds it."""
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
    """Try to take a lock, and say whether it was had."""
    time.sleep(after)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class StopSignal:
    """Whether the user has asked to stop: Ctrl-C or SIGTERM. A second one stops at once, by KeyboardInterrupt.

    So does the first where the work has ended before it was read.
    """

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Self:
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in SIGNALS}
            for number in SIGNALS:
                signal.signal(number, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Ctrl-C last: what it raises shall not leave SIGTERM to this.
        for number, handler in reversed(self._before.items()):
            signal.signal(number, handler)
        if self.asked and kind is None:
            raise KeyboardInterrupt

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
