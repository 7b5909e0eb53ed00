"""What protects a run from outside: one writer a folder, and signals that stop it between two steps."""

import fcntl
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Self

from striate.durable import storage_errors
from striate.errors import UsageError, command

LOCK = ".lock"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a run folder's lock; raises UsageError where another process holds it."""
    with storage_errors(folder, f"run: {command('resume', folder)}"):
        file = (folder / LOCK).open("wb")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{folder}: another process is writing this run. Wait for it or stop it."
            ) from error
        yield


class StopSignal:
    """Whether the user has asked to stop: Ctrl-C or SIGTERM. A second one stops at once, by KeyboardInterrupt."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Self:
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        for each in SIGNALS:
            signal.signal(each, signal.default_int_handler)
