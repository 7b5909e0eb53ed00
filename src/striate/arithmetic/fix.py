"""What to change when a window does not fit its axis.

A window fits when its last place ends exactly at the end of the padded axis. One setting is changed at a time,
and the changes are listed cheapest first, by how much they leave unchanged:

1. padding: weights, stride and pictures stay. The same at both ends where that helps, else only after;
2. stride: the weights stay, the feature map gets another resolution;
3. kernel: other weights;
4. size: other pictures.

Of each setting the nearest larger and the nearest smaller value are given: the nearer first, then the one
that gives the larger feature map. No change makes a window step over pixels that it did not step over before.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from striate.arithmetic.window import Window

Setting = Literal["padding", "stride", "kernel", "size"]
# A window and the size of the axis it slides along.
Pair = tuple[Window, int]


@dataclass(frozen=True, slots=True)
class Fix:
    """One setting changed so that the window fits, and the window and size with that change."""

    setting: Setting
    window: Window
    size: int

    @property
    def value(self) -> int | tuple[int, int]:
        """The setting's new value; padding is a pair (before, after) where the ends differ."""
        if self.setting == "size":
            return self.size
        if self.setting == "padding" and self.window.before != self.window.after:
            return self.window.before, self.window.after
        window = self.window
        return {"padding": window.before, "stride": window.stride, "kernel": window.kernel}[self.setting]

    @property
    def output(self) -> int:
        """The size of the output axis with the change made."""
        return self.window.output(self.size)


def fixes(window: Window, size: int, *, pooling: bool = False) -> tuple[Fix, ...]:
    """Return the changes of one setting that make the window fit, cheapest first; none if it fits.

    With `pooling`, only padding that PyTorch's pooling accepts: the same at both ends, at most half the kernel.
    """
    if window.fits(size):
        return ()
    paddings = _paddings(window, size, pooling=pooling)
    found: list[tuple[Setting, Pair]] = [("padding", pair) for pair in paddings]
    found += [("stride", pair) for pair in _strides(window, size)]
    found += [("kernel", pair) for pair in _kernels(window, size)]
    found += [("size", pair) for pair in _sizes(window, size)]
    return tuple(Fix(setting, window, size) for setting, (window, size) in found)


def _paddings(window: Window, size: int, *, pooling: bool) -> list[Pair]:
    # A window may not lie on padding alone: at most reach - 1 cells an end.
    most = window.kernel // 2 if pooling else window.reach - 1

    def both(change: int) -> Pair:
        return replace(window, padding=(window.before + change, window.after + change)), size

    def behind(change: int) -> Pair:
        return replace(window, padding=(window.before, window.after + change)), size

    larger, smaller = most - max(window.before, window.after), min(window.before, window.after)
    found = _nearest(both, larger, smaller)
    return found if found or pooling else _nearest(behind, most - window.after, window.after)


def _strides(window: Window, size: int) -> list[Pair]:
    # A stride larger than the reach steps over pixels; one larger than the rest of the axis leaves a single place.
    most = min(window.reach, window.padded(size) - window.reach)
    return _nearest(
        lambda change: (replace(window, stride=window.stride + change), size),
        most - window.stride,
        window.stride - 1,
    )


def _kernels(window: Window, size: int) -> list[Pair]:
    most = (window.padded(size) - 1) // window.dilation + 1
    # The least kernel whose reach is the stride; less would step over pixels.
    least = -(-(window.stride - 1) // window.dilation) + 1
    return _nearest(
        lambda change: (replace(window, kernel=window.kernel + change), size),
        most - window.kernel,
        window.kernel - min(least, window.kernel),
    )


def _sizes(window: Window, size: int) -> list[Pair]:
    most = max(window.stride, window.reach - window.padded(size))
    return _nearest(lambda change: (window, size + change), most, size - 1)


def _nearest(change: Callable[[int], Pair], larger: int, smaller: int) -> list[Pair]:
    """Return the nearest change upward, at most `larger`, and downward, at most `smaller`, that fit."""
    steps = _first(change, range(1, larger + 1)), _first(change, range(-1, -smaller - 1, -1))

    def cost(step: int) -> tuple[int, int]:
        window, size = change(step)
        return abs(step), -window.output(size)

    return [change(step) for step in sorted(filter(None, steps), key=cost)]


def _first(change: Callable[[int], Pair], steps: Iterable[int]) -> int:
    for step in steps:
        window, size = change(step)
        if window.fits(size):
            return step
    return 0
