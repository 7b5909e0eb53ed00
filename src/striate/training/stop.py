"""The stop signal: Ctrl-C and SIGTERM are noted, and the loop stops at the end of a step."""

import signal
import threading
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
