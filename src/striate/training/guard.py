"""What protects a run from outside: one writer a folder, and signals that stop it between two steps."""

import fcntl
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from striate.errors import UsageError


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a run folder's lock; raises UsageError where another process holds it."""
    with (folder / ".lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"{folder}: another process is writing this run. Wait for it or stop it."
            ) from error
        yield


class StopSignal:
    """Whether the user has asked to stop: Ctrl-C or SIGTERM. A second one stops at once."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> "StopSignal":
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(number, signal.default_int_handler)
