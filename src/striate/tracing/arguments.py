"""How a rule reads the arguments of the call it answers."""

from collections.abc import Sequence
from typing import Any

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def names(words: str) -> frozenset[str]:
    """Return the names in a list written as one string."""
    return frozenset(words.split())


def argument(args: Args, kwargs: Kwargs, place: int, name: str, default: Any) -> Any:
    """Return an argument given by position or by name."""
    return args[place] if len(args) > place else kwargs.get(name, default)


def each(value: Any, axes: int) -> Sequence[Any]:
    """Return one value for each axis: a single number, alone or in a sequence, holds for all."""
    if isinstance(value, Sequence):
        return value if len(value) == axes else [value[0]] * axes
    return [value] * axes


def hashable(value: Any) -> Any:
    """Return a setting as a number or a tuple, so that it can be the key of a cache."""
    if isinstance(value, list | tuple):
        return tuple(value) if len(value) > 1 else value[0]
    return value
