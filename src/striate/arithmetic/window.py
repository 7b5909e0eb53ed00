"""One axis of a sliding window: how many places it has, what it reads and what it leaves out.

A place is one position of the window, which gives one element of the output. The sizes are those of PyTorch's layers,
refusals included.
Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, relationships 1-15,
https://arxiv.org/abs/1603.07285.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from fractions import Fraction
from typing import Literal

from striate.errors import UsageError

Padding = int | tuple[int, int] | Literal["same"]
PerAxis = int | Sequence[int]


@dataclass(frozen=True, slots=True)
class Window:
    """A filter or pooling window along one axis.

    `padding` is a number for both ends, a pair (before, after), or "same": the padding that keeps the size,
    the odd pixel after, as in PyTorch. Once made it holds numbers only: an int where both ends are equal,
    else the pair. Raises UsageError for a setting PyTorch would refuse.
    """

    kernel: int
    _: KW_ONLY
    stride: int = 1
    padding: Padding = 0
    dilation: int = 1

    def __post_init__(self) -> None:
        _whole("kernel", self.kernel, 1)
        _whole("stride", self.stride, 1)
        _whole("dilation", self.dilation, 1)
        object.__setattr__(self, "padding", self._resolved())

    @property
    def before(self) -> int:
        """The padding ahead of the first pixel."""
        return self.padding[0] if isinstance(self.padding, tuple) else int(self.padding)

    @property
    def after(self) -> int:
        """The padding behind the last pixel."""
        return self.padding[1] if isinstance(self.padding, tuple) else int(self.padding)

    @property
    def reach(self) -> int:
        """The effective kernel size, from the first pixel read to the last: dilation * (kernel - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    def padded(self, size: int) -> int:
        """Return the length of the axis with its padding."""
        return _whole("size", size, 1) + self.before + self.after

    def exact(self, size: int) -> Fraction:
        """Return (size + padding - reach) / stride + 1 unrounded; below 1 where the window is too wide."""
        return Fraction(self.padded(size) - self.reach, self.stride) + 1

    def fits(self, size: int) -> bool:
        """Return whether the last place ends exactly at the end of the padded axis."""
        exact = self.exact(size)
        return exact >= 1 and exact.denominator == 1

    def output(self, size: int, *, ceil: bool = False) -> int:
        """Return how many places the window has: the size of the output axis.

        With `ceil`, as in PyTorch's pooling, a last window may run over the end but must start inside the
        picture or the padding before it. Raises UsageError where the window is wider than the padded axis.
        """
        room = self.padded(size) - self.reach
        if not ceil:
            count = room // self.stride + 1
        else:
            count = -(-room // self.stride) + 1
            if (count - 1) * self.stride >= size + self.before:
                count -= 1
        if count < 1:
            raise UsageError(self._too_wide(size))
        return count

    def leftover(self, size: int) -> int:
        """Return how many cells of the padded axis, padding included, lie after the last window."""
        return self.padded(size) - self.reach - (self.output(size) - 1) * self.stride

    def dropped(self, size: int, *, ceil: bool = False) -> int:
        """Return how many input pixels at the end of the axis no window reads."""
        last = self.output(size, ceil=ceil) - 1
        read = -1
        for tap in range(self.kernel):
            offset = tap * self.dilation - self.before
            place = min(last, (size - 1 - offset) // self.stride)
            if place >= 0:
                read = max(read, place * self.stride + offset)
        return size - 1 - read

    def reads(self, size: int, *, ceil: bool = False) -> tuple[int, ...]:
        """Return, for each input pixel, how many windows read it."""
        counts = [0] * size
        for place in range(self.output(size, ceil=ceil)):
            for pixel in self.taps(place):
                if 0 <= pixel < size:
                    counts[pixel] += 1
        return tuple(counts)

    def unread(self, size: int, *, ceil: bool = False) -> int:
        """Return how many input pixels no window reads: those dropped at the end and those stepped over."""
        if self.dilation == 1 and self.stride <= self.kernel:
            return self.dropped(size, ceil=ceil)
        marks, places = bytearray(size), self.output(size, ceil=ceil)
        for tap in range(self.kernel):
            offset = tap * self.dilation - self.before
            first = max(0, -(offset // self.stride))
            last = min(places - 1, (size - 1 - offset) // self.stride)
            if first <= last:
                pixels = slice(first * self.stride + offset, last * self.stride + offset + 1, self.stride)
                marks[pixels] = b"\1" * (last - first + 1)
        return marks.count(0)

    def taps(self, place: int) -> range:
        """Return the pixels the window reads at one place; those below 0 or past the end are padding."""
        first = place * self.stride - self.before
        return range(first, first + self.reach, self.dilation)

    def transposed(self, size: int, *, output_padding: int = 0) -> int:
        """Return the output size of the transposed convolution.

        That is (size - 1) * stride + reach + output_padding - before - after. Raises UsageError for an output
        padding that PyTorch refuses and where nothing would be left.
        """
        _whole("size", size, 1)
        _whole("output_padding", output_padding, 0)
        most = max(self.stride, self.dilation)
        if output_padding >= most:
            raise UsageError(
                f"output_padding must be smaller than the larger of stride and dilation, {most}; "
                f"got {output_padding}."
            )
        whole = (size - 1) * self.stride + self.reach + output_padding
        if whole <= self.before + self.after:
            raise UsageError(
                f"Nothing is left of a transposed window: size {size} grows to {whole}, "
                f"and padding {self.before} + {self.after} cuts all of it away. Use less padding."
            )
        return whole - self.before - self.after

    def check_pooling(self) -> None:
        """Raise UsageError where PyTorch's pooling refuses the window: padding over half of its kernel."""
        if max(self.before, self.after) > self.kernel // 2:
            raise UsageError(
                f"A pooling window of {self.kernel} takes padding of at most half of it, {self.kernel // 2}; "
                f"got {max(self.before, self.after)}."
            )

    def _resolved(self) -> Padding:
        if self.padding == "same":
            before, after = same_padding(self.kernel, dilation=self.dilation)
            if self.stride != 1:
                keeps = before if before == after else (before, after)
                raise UsageError(
                    f"padding 'same' needs stride 1; got stride {self.stride}. "
                    f"The padding that keeps the size at stride 1 is {keeps}."
                )
        elif isinstance(self.padding, tuple) and len(self.padding) == 2:
            before, after = self.padding
        elif isinstance(self.padding, int):
            before = after = self.padding
        else:
            raise UsageError(
                f"padding must be a number, a pair (before, after) or 'same'; got {self.padding!r}."
            )
        _whole("padding", before, 0)
        _whole("padding", after, 0)
        return before if before == after else (before, after)

    def _too_wide(self, size: int) -> str:
        padded = self.padded(size)
        more = -(-(self.reach - padded) // 2)
        pad = self.before + more if self.before == self.after else (self.before + more, self.after + more)
        spread = f" (dilation {self.dilation} spreads it over {self.reach})" if self.dilation > 1 else ""
        return (
            f"A window of {self.kernel}{spread} is wider than the axis it slides along: size {size} with "
            f"padding {self.before} + {self.after} is {padded}. Use padding {pad}, a kernel of at most "
            f"{(padded - 1) // self.dilation + 1}, or a size of at least {size + self.reach - padded}."
        )


def same_padding(kernel: int, *, dilation: int = 1) -> tuple[int, int]:
    """Return the (before, after) padding that keeps the size at stride 1; the odd pixel goes after."""
    total = _whole("dilation", dilation, 1) * (_whole("kernel", kernel, 1) - 1)
    return total // 2, total - total // 2


def _whole(name: str, value: int, least: int) -> int:
    if not isinstance(value, int) or value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    return value
