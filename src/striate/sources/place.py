"""The place of a data set: a path, a brace pattern of paths, or the address of remote files."""

import re
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from pathlib import Path

from striate.errors import UsageError

ARCHIVE_ENDING = re.compile(r"(\.(tar|zip|gz|bz2|xz|zst|tgz|tbz2|txz|tzst))+$", re.IGNORECASE)
# A pattern of more names than this is taken for a typing error.
MOST_NAMES = 1_000_000


def is_remote(place: str | Path) -> bool:
    """Say whether a place is an address, such as https://… or s3://…, and not a path."""
    return isinstance(place, str) and re.match(r"[a-z][a-z0-9+.-]+://", place) is not None


def is_pattern(place: str | Path) -> bool:
    """Say whether a place is a brace pattern for several files, such as train-{000..009}.tar."""
    return re.search(r"\{[^{}]*(\.\.|,)[^{}]*\}", str(place)) is not None


def expand(pattern: str) -> list[str]:
    """Return the names that a brace pattern such as {00..12} or {train,val} expands to, in the order of a shell.

    Raises UsageError for more than a million.
    """
    parts = [_choices(part) for part in re.split(r"(\{[^{}]*\})", pattern)]
    count = prod(len(part) for part in parts)
    if count > MOST_NAMES:
        raise UsageError(f"{pattern}: stands for {count:,} files. Give a pattern of at most {MOST_NAMES:,}.")
    return ["".join(chosen) for chosen in product(*parts)]


def absolute(place: str | Path) -> str:
    """Return a place that does not depend on the working directory: an address as it is, else the absolute path."""
    return str(place) if is_remote(place) else str(Path(place).resolve())


def is_there(place: str) -> bool:
    """Say whether a place exists; an address is not requested but taken to exist, a pattern needs one of its files."""
    return is_remote(place) or Path(place).exists() or (is_pattern(place) and _any_exists(place))


def short_name(place: str) -> str:
    """Return a short name of a data set for use in file names: the last part of its path, without archive endings."""
    if is_remote(place) or is_pattern(place):
        place = re.sub(r"\{[^{}]*\}", "", re.split("[?#]", place)[0])
        parts = [re.sub(r"[^\w.-]+", "-", ARCHIVE_ENDING.sub("", p)).strip("-._") for p in place.split("/")]
        return next((part for part in reversed(parts) if part), "data")
    return ARCHIVE_ENDING.sub("", Path(place).name) if Path(place).is_file() else Path(place).name


def _choices(part: str) -> "Sequence[str] | _Numbers":
    """Return the alternatives of one part of a pattern; text outside braces is its only alternative."""
    if numbers := re.fullmatch(r"\{(\d+)\.\.(\d+)\}", part):
        return _Numbers(numbers[1], numbers[2])
    return part[1:-1].split(",") if part.startswith("{") and "," in part else [part]


class _Numbers:
    """The numbers from first to last, padded with zeros to the wider of the two if either begins with a zero."""

    def __init__(self, first: str, last: str) -> None:
        step = 1 if int(first) <= int(last) else -1
        self._range = range(int(first), int(last) + step, step)
        padded = any(len(text) > 1 and text.startswith("0") for text in (first, last))
        self._width = max(len(first), len(last)) if padded else 0

    def __len__(self) -> int:
        return len(self._range)

    def __iter__(self) -> Iterator[str]:
        return (f"{number:0{self._width}d}" for number in self._range)


def _any_exists(pattern: str) -> bool:
    return any(Path(path).exists() for path in expand(pattern))
