"""The exception tree. Every message says what came, what was wanted and what to do.

The exit codes are part of the interface: see docs/errors.md.
"""

import shlex
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from itertools import takewhile


class StriateError(Exception):
    """Base of every error striate raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(StriateError):
    """A wrong flag, name, shape or setting: exit code 1."""

    exit_code = 1


class DataError(StriateError):
    """Bad pictures, or a file that is not what it should be: exit code 2."""

    exit_code = 2


class StorageError(StriateError):
    """No room on disk or in memory: exit code 3."""

    exit_code = 3


class LaunchError(StriateError):
    """A worker died or a launch failed: exit code 4."""

    exit_code = 4


class DivergedError(StriateError):
    """The loss is no longer finite: exit code 5."""

    exit_code = 5


class VerificationError(StriateError):
    """An artifact does not agree with the network it came from: exit code 6."""

    exit_code = 6


class Interrupted(StriateError):
    """Stopped by the user with the run kept resumable: exit code 130."""

    exit_code = 130


def unknown(kind: str, given: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that is not in a closed list, with the nearest known name."""
    names = sorted(known)
    near = sorted(get_close_matches(given, names, n=len(names) or 1, cutoff=0.6))
    # Of names equally near the one that begins alike, then the first in the alphabet: 'resnet50' for 'resnet51'.
    best = max(near, key=lambda name: _likeness(name, given), default="")
    hint = f"Did you mean '{best}'?" if near else f"Known: {', '.join(names)}."
    return UsageError(f"Unknown {kind} '{given}'. {hint}")


def _likeness(name: str, given: str) -> tuple[float, int]:
    """Return how alike two names are, and how many characters they begin with in common."""
    begin = takewhile(lambda pair: pair[0] == pair[1], zip(name, given, strict=False))
    return SequenceMatcher(None, name, given).ratio(), len(list(begin))


def command(*words: object) -> str:
    """Return a `striate` command line for a message, quoted so that it can be pasted into a shell."""
    return shlex.join(["striate", *map(str, words)])
