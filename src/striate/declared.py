"""Values held to the type that a setting declares, as whoever sweeps over settings with NumPy needs it."""

import os
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from striate.errors import UsageError

WORDS: dict[type, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    NoneType: "None",
}


def declared(name: str, value: Any, kind: Any) -> Any:
    """Return a setting's value as its declared type has it: NumPy's scalars as Python's, paths as texts.

    `kind` is a type, a union of types or a Literal, of which the values are not looked at. Raises UsageError for a
    value of another type.
    """
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, os.PathLike) and str in kinds:
        value = os.fspath(value)
    for each in kinds:
        if get_origin(each) is Literal or type(value) is each:
            return value
        if each is float and type(value) is int:
            return float(value)
        if isinstance(each, type) and each not in WORDS and isinstance(value, each):
            return value
    wanted = [WORDS.get(each, getattr(each, "__name__", str(each))) for each in kinds]
    raise UsageError(f"{name} is {value!r}; it must be {' or '.join(wanted)}.")


def at_least(name: str, value: Any, least: int) -> int:
    """Return a whole number that is large enough; raises UsageError for any other value."""
    number: int = declared(name, value, int)
    if number < least:
        raise UsageError(f"{name} is {number}; it must be at least {least}.")
    return number
