"""Silence of the packages that read pictures: what matters of a stranger's file is its pixels or a reason."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

PACKAGES = ("PIL", "tifffile", "pydicom")
# Python prints what a package tells a log that nobody reads.
for package in PACKAGES:
    logging.getLogger(package).addHandler(logging.NullHandler())

_lock = Lock()
_inside = 0
_kept = warnings.catch_warnings()


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore what PACKAGES warn of while any thread is in here.

    warnings.catch_warnings alone does not do among threads: the filters are the process's, and one thread would
    put back what another has just set.
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
