"""The plan of a network: what a spec makes of an input, worked out by arithmetic alone.

The builder and the source printer both read it, so what is built and what is printed are the same network.
"""

from striate.errors import UsageError
from striate.spec.grammar import parse
from striate.spec.module import Module, Shape, named
from striate.spec.planner import Planner, TooSmall
from striate.spec.pointer import pointed
from striate.spec.tree import Layer

LARGEST_INPUT = 4096


def plan(text: str, *, input: Shape = (3, 32, 32), num_classes: int | None = None) -> tuple[Module, ...]:
    """Read a spec and work out every module for pictures of shape `input` (C, H, W).

    `num_classes` is the width of `fc-classes`; when given, the network must end in that many outputs.
    Raises a UsageError that points at the layer where the shapes do not go together.
    """
    layers = parse(text)
    shape = tuple(input)
    if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise UsageError(f"An input is channels, height and width, such as (3, 32, 32); got {input!r}.")
    if num_classes is not None and num_classes < 1:
        raise UsageError(f"num_classes must be at least 1; got {num_classes}.")
    try:
        modules = Planner(text, num_classes).layers(layers, shape)
    except TooSmall as error:
        enough = _large_enough(layers, shape, num_classes)
        hint = f" Or give an input of {enough}x{enough}." if enough else ""
        raise pointed(text, error.layer.span, f"{error}{hint}") from None
    if num_classes is not None:
        _check_output(text, layers[-1], modules[-1].shape, num_classes)
    return modules


def _check_output(text: str, last: Layer, shape: Shape, num_classes: int) -> None:
    if shape == (num_classes,):
        return
    advice = "write fc-classes." if len(shape) == 1 else "end it in fc-classes, or in: gap fc-classes"
    message = f"The network ends in {named(shape)}, and there are {num_classes} classes: {advice}"
    raise pointed(text, last.span, message)


def _large_enough(layers: tuple[Layer, ...], shape: Shape, num_classes: int | None) -> int | None:
    """Return the side of a square input that every window fits, nearly the least, or None."""
    small, large = max(shape[1:]), LARGEST_INPUT
    if not _fits(layers, (shape[0], large, large), num_classes):
        return None
    while large - small > 1:
        middle = (small + large) // 2
        if _fits(layers, (shape[0], middle, middle), num_classes):
            large = middle
        else:
            small = middle
    return large


def _fits(layers: tuple[Layer, ...], shape: Shape, num_classes: int | None) -> bool:
    try:
        Planner("", num_classes).layers(layers, shape)
    except (TooSmall, UsageError):
        return False
    return True
