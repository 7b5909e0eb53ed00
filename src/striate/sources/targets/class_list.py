"""classes.txt: the names of classes, for formats that only number them."""

import unicodedata

from striate.errors import DataError


def listed_classes(content: bytes, place: str) -> tuple[str, ...]:
    """Return the names of a list, one a line; raises DataError where it is not UTF-8 or names a class twice."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not UTF-8 text ({error.reason}). Save it as UTF-8.") from error
    # NFC as for folders, so that a class has one name whatever system wrote it.
    names = tuple(unicodedata.normalize("NFC", line.strip()) for line in lines if line.strip())
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"{place}: '{twice[0]}' stands there twice. Give each class a name of its own.")
    return names
