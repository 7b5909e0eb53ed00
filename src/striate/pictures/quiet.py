"""Suppressing the warnings and log messages of packages that read pictures; a bad file is an exception instead."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

PACKAGES = ("PIL", "tifffile", "pydicom")
# Without a handler, Python would print what these packages log.
for package in PACKAGES:
    logging.getLogger(package).addHandler(logging.NullHandler())

_lock = Lock()
_inside = 0
_kept = warnings.catch_warnings()


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore the warnings of PACKAGES while any thread is inside.

    warnings.catch_warnings alone is not safe with threads: filters belong to the process, so one thread would restore
    them while another still needs its own.
    """
    global _inside, _kept
    with _lock:
        _inside += 1
        if _inside == 1:
            _kept = warnings.catch_warnings()
            _kept.__enter__()
            warnings.filterwarnings("ignore", module=rf"({'|'.join(PACKAGES)})\b")
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _kept.__exit__(None, None, None)
