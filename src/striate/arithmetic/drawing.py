"""A drawing of where a window lands along one axis, in plain characters.

Only ASCII: blocks and boxes are two columns wide in many Korean terminals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd

from striate.arithmetic.window import Window

WIDTH = 78
LABEL = 8
# Of more than FIRST + LAST + 1 places, only the first and the last ones are drawn.
FIRST, LAST = 5, 3
ELLIPSIS = " ~"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A window at each of its `places` (positions) along an axis of `size` pixels.

    A transposed window is drawn over its outputs: each place is an input pixel, and marks the outputs it adds to.
    """

    window: Window
    size: int
    places: int
    transposed: bool = False

    def lines(self) -> list[str]:
        """Return the pixels' numbers, a line per place, and how many windows read (or write) each pixel."""
        header, footer = ("output", "writes") if self.transposed else ("pixel", "reads")
        return [
            self._line(header, self._number),
            *self._places(),
            self._line(footer, lambda pixel: str(self._count(pixel)) if self._inside(pixel) else ""),
        ]

    def legend(self) -> str:
        """Return what the drawing's characters mean."""
        words = ["# written" if self.transposed else "# read"]
        if self._cells()[0] < 0 or self._cells()[-1] >= self.size:
            words.append(
                "0 cut away by the padding p" if self.transposed else "0 outside the picture, p padding"
            )
        if self.window.reach > self.window.kernel:
            words.append("- stepped over by the dilation")
        return "; ".join(words)

    def _places(self) -> list[str]:
        if self.places <= FIRST + LAST + 1:
            return [self._place(place) for place in range(self.places)]
        first = [self._place(place) for place in range(FIRST)]
        last = [self._place(place) for place in range(self.places - LAST, self.places)]
        return [*first, "...".rjust(LABEL - 1), *last]

    def _place(self, place: int) -> str:
        taps = self.window.taps(place)

        def sign(pixel: int) -> str:
            if pixel in taps:
                return "#" if self._inside(pixel) else "0"
            return "-" if taps[0] < pixel < taps[-1] else "."

        return self._line(str(place), sign)

    def _line(self, label: str, sign: Callable[[int], str]) -> str:
        cells, width = self._cells(), self._width()
        room = (WIDTH - LABEL) // width
        signs = [sign(pixel).rjust(width) for pixel in _ends(cells, room)]
        if len(cells) > room:
            signs.insert(len(signs) // 2, ELLIPSIS)
        return label.rjust(LABEL - 1) + "".join(signs).rstrip()

    def _cells(self) -> range:
        """The pixels drawn: the picture, its padding, and what the last window reads beyond it."""
        last = self.window.taps(self.places - 1)[-1]
        return range(-self.window.before, max(self.size + self.window.after, last + 1))

    def _number(self, pixel: int) -> str:
        if self._inside(pixel):
            return str(pixel)
        return "p" if -self.window.before <= pixel < self.size + self.window.after else ""

    def _inside(self, pixel: int) -> bool:
        return 0 <= pixel < self.size

    def _width(self) -> int:
        """The columns for a cell: enough for the largest number, on the first line or the last."""
        window = self.window
        most = -(-window.kernel * gcd(window.stride, window.dilation) // window.stride)
        return 1 + max(len(str(self.size - 1)), len(str(most)))

    def _count(self, pixel: int) -> int:
        """How many places have a tap on this pixel."""
        offsets = (
            pixel + self.window.before - tap * self.window.dilation for tap in range(self.window.kernel)
        )
        step = self.window.stride
        return sum(offset % step == 0 and 0 <= offset // step < self.places for offset in offsets)


def _ends(cells: range, room: int) -> list[int]:
    """Return the cells, or their two ends where there is no room for all."""
    half = (room - 1) // 2
    return [*cells] if len(cells) <= room else [*cells[:half], *cells[-half:]]
