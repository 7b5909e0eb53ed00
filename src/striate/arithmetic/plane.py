"""Windows over all axes of a picture: one Window per axis, in the order of the shape (height, width).

Shapes are CHW as in PyTorch, without the batch: (3, 32, 32).
"""

from collections.abc import Sequence
from typing import Any, Literal

from striate.arithmetic.window import Padding, PerAxis, Window
from striate.errors import UsageError

Shape = tuple[int, ...]
PaddingPerAxis = int | Literal["same"] | Sequence[Padding]


def windows(
    kernel: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: PaddingPerAxis = 0,
    dilation: PerAxis = 1,
    axes: int = 2,
) -> tuple[Window, ...]:
    """Return one Window per axis from settings written as PyTorch's layers write them.

    One number holds for every axis; a sequence gives one value per axis. So `padding=(1, 2)` is 1 for the
    rows and 2 for the columns, and `padding=((0, 1), (0, 1))` pads only after, on both.
    """
    settings = zip(
        _each("kernel", kernel, axes),
        _each("stride", stride, axes),
        _each("padding", padding, axes),
        _each("dilation", dilation, axes),
        strict=True,
    )
    return tuple(Window(k, stride=s, padding=p, dilation=d) for k, s, p, d in settings)


def output_shape(
    shape: Shape, windows: Sequence[Window], *, channels: int | None = None, ceil: bool = False
) -> Shape:
    """Return the shape (C, H, W) that the windows make of `shape`.

    `channels` is the number of filters; None keeps the input's channels, as pooling does.
    """
    _check(shape, windows)
    sizes = (w.output(n, ceil=ceil) for w, n in zip(windows, shape[1:], strict=True))
    return (shape[0] if channels is None else channels, *sizes)


def transposed_shape(
    shape: Shape, windows: Sequence[Window], *, channels: int, output_padding: PerAxis = 0
) -> Shape:
    """Return the shape (C, H, W) that transposed windows make of `shape`."""
    _check(shape, windows)
    extra = _each("output_padding", output_padding, len(windows))
    sizes = (w.transposed(n, output_padding=e) for w, n, e in zip(windows, shape[1:], extra, strict=True))
    return (channels, *sizes)


def _each(name: str, value: Any, axes: int) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * axes
    if len(value) != axes:
        raise UsageError(f"{name} must have one value for each of the {axes} axes; got {tuple(value)}.")
    return value


def _check(shape: Shape, windows: Sequence[Window]) -> None:
    if len(shape) != len(windows) + 1:
        raise UsageError(
            f"A shape for {len(windows)} windows has {len(windows) + 1} numbers, channels first; got {shape}."
        )
    if min(shape) < 1:
        raise UsageError(f"A shape has whole numbers of at least 1; got {shape}.")
