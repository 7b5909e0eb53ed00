"""The description of a module to build: its class, its arguments and its output shape, without torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from striate.spec.tree import Pair

Shape = tuple[int, ...]
Argument = bool | int | float | Pair


@dataclass(frozen=True)
class Module:
    """A class of torch.nn with its arguments, or one of striate.layers around a `body`.

    `shape` is its output's, without the batch: (C, H, W) or (features,).
    """

    name: str
    args: tuple[Argument, ...]
    shape: Shape
    options: tuple[tuple[str, Argument], ...] = ()
    body: tuple["Module", ...] = ()
    shortcut: tuple["Module", ...] = ()

    def walk(self) -> Iterator["Module"]:
        """Yield this module and all within it."""
        yield self
        for part in (*self.body, *self.shortcut):
            yield from part.walk()


def options(given: dict[str, tuple[Argument, Argument]]) -> tuple[tuple[str, Argument], ...]:
    """Return the keyword arguments that differ from torch's default: {name: (value, default)}."""
    return tuple((name, short(value)) for name, (value, default) in given.items() if value != default)


def short(value: Argument) -> Argument:
    """Return a pair of equal numbers as one number: (3, 3) as 3."""
    return value[0] if isinstance(value, tuple) and value[0] == value[1] else value


def times(shape: Shape) -> str:
    """Write a shape as 64x32x32."""
    return "x".join(map(str, shape))


def named(shape: Shape) -> str:
    """Say what a shape is: a 64x32x32 map, or a vector of 512."""
    return f"a {times(shape)} map" if len(shape) > 1 else f"a vector of {shape[0]}"
