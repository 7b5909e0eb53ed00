"""Ctrl-C held back while it would break something, and raised after it.

A KeyboardInterrupt may be raised between any two lines. Code in C that imports, such as torch's of NumPy, passes over
it; what is half imported cannot be imported again; and a wait for a lock may turn it into an error of the lock.
"""

import signal
import sys
import threading
from importlib import import_module
from types import FrameType, ModuleType
from typing import Self


class HeldBack:
    """Ctrl-C, raised at the end of what goes on inside; a second one is raised at once.

    Where something else than KeyboardInterrupt answers Ctrl-C, or nothing does, that stays as it is.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._holds = False

    def __enter__(self) -> Self:
        alone = threading.current_thread() is threading.main_thread()
        self._holds = alone and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._holds:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._holds:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.pressed:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def import_whole(name: str) -> ModuleType:
    """Import a module; Ctrl-C meanwhile is raised once it is whole, a second one at once."""
    if name in sys.modules:
        return import_module(name)
    with HeldBack():
        return import_module(name)
