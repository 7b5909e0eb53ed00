"""Columns of text in a terminal, where a Korean letter is two cells wide."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

GAP = "  "
ELLIPSIS = "…"
UNKNOWN = "-"
# A column is not narrowed below this.
LEAST = 8

Row = Sequence[str]


def aligned(rows: Sequence[Row], *, left: Sequence[int], width: int | None = None) -> list[str]:
    """Return rows of one length as lines, the columns `left` flush left and the others flush right.

    Where they are wider than `width` cells, the widest of the columns `left` are cut, which shows as an ellipsis.
    """
    widths = _widths(rows)
    if width is not None:
        _narrow(widths, left, width)
    lines = []
    for row in rows:
        cells = [_cell(text, size, i in left) for i, (text, size) in enumerate(zip(row, widths, strict=True))]
        lines.append(GAP.join(cells).rstrip())
    return lines


def natural_width(rows: Sequence[Row]) -> int:
    """Return how many cells wide the lines are where nothing is cut."""
    widths = _widths(rows)
    return sum(widths) + len(GAP) * (len(widths) - 1)


def shortened(text: str, size: int) -> str:
    """Return a text in at most `size` cells: of a longer one both ends, which tell names apart, around an ellipsis."""
    if cell_len(text) <= size:
        return text
    room = size - cell_len(ELLIPSIS)
    head = set_cell_size(text, (room + 1) // 2).rstrip()
    tail = text
    while cell_len(tail) > room // 2:
        tail = tail[1:]
    return head + ELLIPSIS + tail


def shown(value: Any) -> str:
    """Return a setting as text: numbers with six digits, lists with commas, a dash where there is none."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(shown, value)) if isinstance(value, list | tuple) else str(value)


def _widths(rows: Sequence[Row]) -> list[int]:
    return [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]


def _narrow(widths: list[int], left: Sequence[int], width: int) -> None:
    """Take cells from the widest of the columns `left` until all fit, or none can be narrower."""
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        widest = max(left, key=lambda i: widths[i])
        if widths[widest] <= LEAST:
            return
        widths[widest] -= 1


def _cell(text: str, size: int, is_left: bool) -> str:
    text = shortened(text, size)
    space = " " * (size - cell_len(text))
    return text + space if is_left else space + text
