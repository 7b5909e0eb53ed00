"""Retrying requests that may fail for a moment: a bounded number of times, with growing pauses."""

import time
from collections.abc import Callable
from typing import TypeVar

from striate.errors import DataError, StriateError

# Seconds between tries.
PAUSES = (0.5, 1.0, 2.0)
# HTTP status codes worth a retry.
PASSING = (408, 425, 429, 500, 502, 503, 504)

T = TypeVar("T")


class NotThere(DataError):
    """A request that no retry would change: the file does not exist, or the server refuses it."""


def tried(place: str, work: Callable[[], T]) -> T:
    """Return what `work` returns, retrying while it fails for a reason that may pass.

    Raises NotThere where the file does not exist or the server refuses it, DataError when the retries are used up; a
    StriateError of `work` itself is raised at once.
    """
    for pause in (*PAUSES, None):
        try:
            return work()
        except StriateError:
            raise
        except Exception as error:  # what fsspec's file systems raise is not documented
            cause = _root(error)
            if _is_final(cause):
                raise NotThere(f"{place}: cannot be fetched ({_reason(cause)}).") from error
            if pause is None:
                raise DataError(
                    f"{place}: cannot be fetched ({_reason(cause)}), though tried {len(PAUSES) + 1} times. "
                    "Try again later; a run goes on where it stopped."
                ) from error
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _root(error: Exception) -> Exception:
    """Return the cause of a FileNotFoundError, which fsspec raises for any failed HTTP request, else the error."""
    cause = error.__cause__ if isinstance(error, FileNotFoundError) else None
    return cause if isinstance(cause, Exception) and not isinstance(cause, LookupError) else error


def _is_final(error: Exception) -> bool:
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError | IsADirectoryError):
        return True
    status = getattr(error, "status", None)  # of an aiohttp.ClientResponseError
    return isinstance(status, int) and status >= 400 and status not in PASSING


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return "there is no such file" if status == 404 else f"the server answers {status}"
    text = str(getattr(error, "strerror", "") or error).strip()
    return text or type(error).__name__
