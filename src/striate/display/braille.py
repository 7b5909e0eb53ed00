"""A curve in a few lines of a terminal: eight dots a character, by the Braille patterns of Unicode (U+2800)."""

from collections.abc import Sequence
from math import floor, isfinite

from rich.cells import cell_len

# The bit of each dot of a character, by row from the top and by column.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK = 0x2800
WIDTH, HEIGHT = 30, 4


def plot(values: Sequence[float | None], *, width: int = WIDTH, height: int = HEIGHT) -> list[str]:
    """Return a curve as `height` lines of `width` characters, its largest value at the top.

    Values stand at equal distances; those that are None or not finite leave a gap.
    """
    dots = [[0] * width for _ in range(height)]
    places = [(i, value) for i, value in enumerate(values) if value is not None and isfinite(value)]
    if not places:
        return [" " * width] * height
    # Halved, so that the difference of two large values does not overflow.
    places = [(i, value / 2) for i, value in places]
    low, high = min(v for _, v in places), max(v for _, v in places)
    rows, columns = len(DOTS) * height, 2 * width
    before: tuple[int, int] | None = None
    for i, value in places:
        x = floor(i * (columns - 1) / max(1, len(values) - 1) + 0.5)
        y = floor((high - value) / (high - low) * (rows - 1) + 0.5) if high > low else rows // 2
        joined = before is not None and i > 0 and values[i - 1] is not None
        for column, row in _line(before if joined and before else (x, y), (x, y)):
            dots[row // 4][column // 2] |= DOTS[row % 4][column % 2]
        before = x, y
    return ["".join(chr(BLANK + bits) for bits in line) for line in dots]


def labelled(name: str, values: Sequence[float | None], texts: tuple[str, str]) -> list[str]:
    """Return a plot with its name above it; `texts` stand beside it, for its largest and its smallest value."""
    lines = plot(values)
    margin = max(map(cell_len, texts))
    beside = [texts[0], *[""] * (len(lines) - 2), texts[1]]
    return [
        " " * (margin + 1) + name,
        *(f"{text:>{margin}} {line}" for text, line in zip(beside, lines, strict=True)),
    ]


def _line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the dots from start to end."""
    (x0, y0), (x1, y1) = start, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    return [
        (x0 + floor((x1 - x0) * k / steps + 0.5), y0 + floor((y1 - y0) * k / steps + 0.5))
        for k in range(steps + 1)
    ]
