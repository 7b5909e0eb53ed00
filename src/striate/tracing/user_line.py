"""The line of the user's own code that a trace is at, with file and text, for error messages."""

import linecache
import sys
from pathlib import Path

import torch

_OURS = str(Path(__file__).parent.parent)
_TORCH = str(Path(torch.__file__).parent)


def user_line() -> str:
    """Return `file.py:12: the line. ` for the innermost frame that is neither torch's nor ours, or ''."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_OURS, _TORCH)):
            return _described(name, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def line_of(error: BaseException) -> str:
    """Return the same for the innermost frame an error came through."""
    found = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith((_OURS, _TORCH)):
            found = _described(name, trace.tb_lineno) or found
        trace = trace.tb_next
    return found


def _described(name: str, number: int) -> str:
    text = linecache.getline(name, number).strip()
    return f"{Path(name).name}:{number}: `{text}`. " if text else ""
