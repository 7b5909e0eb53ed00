"""What stands in an archive: names made safe and legible, whoever packed it."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from striate.errors import DataError

# What the names of a zip without the UTF-8 flag are in: what Linux writes, Korean Windows, and what the format says.
ENCODINGS = ("utf-8", "cp949", "cp437")


class Entry(NamedTuple):
    """A file or folder of an archive.

    `size` is what the archive declares, `passed` how many bytes of the archive stand before it. `chunks` reads the
    content, once, before the next entry is asked for.
    """

    name: str
    is_folder: bool
    size: int
    passed: int
    chunks: Callable[[], Iterator[bytes]]


def inside(name: str) -> str:
    """Return a name as a path below a folder, or "" for the folder itself; raises DataError where it leads out.

    A backslash divides as a slash does, as some programs on Windows write it.
    """
    path = name.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or re.match("[A-Za-z]:", path) or ".." in parts or "\0" in path:
        raise DataError(
            f"{shown(name)} would be written outside the folder it is unpacked into. Do not trust this archive."
        )
    return "/".join(parts)


def shown(name: str) -> str:
    """Return a name for a message, in quotes, with what cannot be printed written out."""
    return "'" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name) + "'"


def encoding_of(names: Sequence[bytes]) -> str:
    """Return the first encoding that all of these names may be in; every name may be in the last."""
    return next(encoding for encoding in ENCODINGS if all(_fits(name, encoding) for name in names))


def _fits(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
