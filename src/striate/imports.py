"""Imports that Ctrl-C does not break: a module is imported whole, and then Ctrl-C is raised.

Code in C that imports, such as torch's of NumPy, may pass over a KeyboardInterrupt, which is then lost; and what is
half imported cannot be imported again.
"""

import signal
import sys
import threading
from importlib import import_module
from types import FrameType, ModuleType


def import_whole(name: str) -> ModuleType:
    """Import a module; Ctrl-C meanwhile is raised at its end, a second one at once.

    Where something else than KeyboardInterrupt answers Ctrl-C, or nothing does, that stays as it is.
    """
    alone = threading.current_thread() is threading.main_thread()
    if name in sys.modules or not alone or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return import_module(name)
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, note)
    try:
        return import_module(name)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if pressed:
            raise KeyboardInterrupt
