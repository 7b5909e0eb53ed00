"""The network as a drawing: boxes sized by their tensors, from the picture on the left to the output.

Height and depth follow the rows and columns of a map, thickness its channels; a vector is a bar. All grow
with a root of the size, so that the smallest still show. A shortcut is an arc; a concatenation shows what
each branch brings; what runs in training only hangs below in dashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from rich.cells import cell_len, set_cell_size

from striate.tracing.table import Table
from striate.tracing.views.boxes import Box, boxes
from striate.units import count

_TALLEST = 150.0
_SHORTEST = 10.0
_SLANT = 0.32  # a box's depth, drawn to the upper right
_GAP = 26.0
_LABEL = 98.0
_LABEL_CELLS = 18  # what fits a label, a Korean character taking two
_MARGIN = 40.0
_LINE = 1900.0
_ROW = 330.0
_SLAB = 7.0
_MOST_SLABS = 6
_FONT = "'Noto Sans','Noto Sans KR','Noto Sans CJK KR','Apple SD Gothic Neo','Malgun Gothic',sans-serif"
_FILLS = {
    "input": ("#f3f4f6", "#d1d5db", "#e5e7eb"),
    "conv": ("#bfdbfe", "#60a5fa", "#93c5fd"),
    "block": ("#c7d2fe", "#818cf8", "#a5b4fc"),
    "pool": ("#fed7aa", "#fb923c", "#fdba74"),
    "dense": ("#bbf7d0", "#4ade80", "#86efac"),
    "other": ("#e5e7eb", "#9ca3af", "#d1d5db"),
}
_BANDS = ("#818cf8", "#38bdf8", "#34d399", "#fbbf24", "#f472b6", "#a78bfa")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A box with its place: the left and the middle of its front, and its measures."""

    box: Box
    x: float
    middle: float
    width: float
    height: float
    depth: float


def svg(table: Table) -> str:
    """Return the drawing of a network as an SVG document."""
    placed = _laid_out(boxes(table))
    width = max(p.x + p.width + p.depth for p in placed) + _LABEL
    height = max(p.middle for p in placed) + _ROW / 2 + 24
    parts = [_title(table)]
    for before, now in pairwise(placed):
        parts.append(_arrow(before, now))
    for item in placed:
        parts += [_solid(item), _label(item), *_heads(item)]
    body = "\n".join(part for part in parts if part)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="{_FONT}" font-size="11" role="img">\n'
        f"<title>{escape(table.name)}</title>\n"
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _laid_out(found: Sequence[Box]) -> list[_Placed]:
    """Return the boxes with their places, in as few lines as hold them, the lines about equally long."""
    tallest = max(max(box.shape[1:], default=1) for box in found)
    measures = [_measures(box, tallest) for box in found]
    rooms = [max(width + depth + _GAP, _LABEL) for width, _, depth in measures]
    line = sum(rooms) / max(1, -(-int(sum(rooms)) // int(_LINE))) + _LABEL / 2
    placed: list[_Placed] = []
    x, middle = _MARGIN, 60 + _ROW / 2
    for box, (width, height, depth), room in zip(found, measures, rooms, strict=True):
        if x + room > _MARGIN + line and placed:
            x, middle = _MARGIN, middle + _ROW
        placed.append(_Placed(box, x + (room - width - depth) / 2, middle, width, height, depth))
        x += room
    return placed


def _measures(box: Box, tallest: int) -> tuple[float, float, float]:
    thickness = 4 + 1.5 * box.shape[0] ** 0.5
    slabs = (min(box.repeats, _MOST_SLABS) - 1) * _SLAB
    if len(box.shape) == 1:
        return 10 + slabs, 30 + 2.6 * box.shape[0] ** 0.45, 4
    rows, columns = box.shape[1], box.shape[-1]
    height, depth = (_SHORTEST + (_TALLEST - _SHORTEST) * (n / tallest) ** 0.6 for n in (rows, columns))
    return min(thickness, 80) + slabs, height, _SLANT * depth


def _solid(item: _Placed) -> str:
    """Return the cuboid, its repetitions as slabs, and what the box shows of its branches."""
    front, side, top = _FILLS[item.box.kind]
    slabs = min(item.box.repeats, _MOST_SLABS)
    width = item.width - (slabs - 1) * _SLAB
    upper = item.middle - item.height / 2
    parts = []
    for slab in range(slabs - 1, -1, -1):
        x = item.x + slab * _SLAB
        parts.append(_cuboid((x, upper, width, item.height, item.depth), (front, side, top)))
    if item.box.parts:
        parts.append(_bands(item, width, upper))
    if item.box.joins == "add":
        parts.append(_shortcut(item, upper))
    return "\n".join(parts)


def _cuboid(measures: tuple[float, float, float, float, float], fills: tuple[str, str, str]) -> str:
    x, y, w, h, d = measures
    front, side, top = fills
    edge = 'stroke="#475569" stroke-width="0.7" stroke-linejoin="round"'
    return (
        f'<path d="M{x:.1f},{y:.1f}l{d:.1f},{-d:.1f}h{w:.1f}l{-d:.1f},{d:.1f}z" fill="{top}" {edge}/>'
        f'<path d="M{x + w:.1f},{y:.1f}l{d:.1f},{-d:.1f}v{h:.1f}l{-d:.1f},{d:.1f}z" fill="{side}" {edge}/>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{front}" {edge}/>'
    )


def _bands(item: _Placed, width: float, upper: float) -> str:
    """Return the front divided by what each branch brings to the concatenation."""
    whole, x, parts = sum(item.box.parts), item.x, []
    for number, part in enumerate(item.box.parts):
        w = width * part / whole
        fill = _BANDS[number % len(_BANDS)]
        parts.append(
            f'<rect x="{x:.1f}" y="{upper:.1f}" width="{w:.1f}" height="{item.height:.1f}" fill="{fill}" '
            f'fill-opacity="0.75" stroke="#475569" stroke-width="0.4"/>'
        )
        x += w
    return "".join(parts)


def _shortcut(item: _Placed, upper: float) -> str:
    top = upper - item.depth - 6
    left, right = item.x - _GAP / 2, item.x + item.width + item.depth + 4
    return (
        f'<path d="M{left:.1f},{item.middle:.1f}V{top - 6:.1f}q0,-8 8,-8H{right - 8:.1f}q8,0 8,8'
        f'V{item.middle - 5:.1f}" fill="none" stroke="#dc2626" stroke-width="1.2"/>'
        f'<circle cx="{right:.1f}" cy="{item.middle:.1f}" r="5" fill="white" stroke="#dc2626"/>'
        f'<path d="M{right - 3:.1f},{item.middle:.1f}h6m-3,-3v6" stroke="#dc2626"/>'
    )


def _arrow(before: _Placed, now: _Placed) -> str:
    x = before.x + before.width + before.depth / 2
    path = f"M{x:.1f},{before.middle:.1f}H{now.x - 4:.1f}"
    if now.middle != before.middle:
        # On to the next line: down between the two, and in from the left.
        turn = (before.middle + now.middle) / 2
        out = x + before.depth / 2 + _GAP
        path = f"M{x:.1f},{before.middle:.1f}H{out:.1f}V{turn:.1f}H14V{now.middle:.1f}H{now.x - 4:.1f}"
    return (
        f'<path d="{path}" fill="none" stroke="#64748b" stroke-width="1"/>'
        f'<path d="M{now.x - 1:.1f},{now.middle:.1f}l-5,-3v6z" fill="#64748b"/>'
    )


def _label(item: _Placed) -> str:
    box = item.box
    centre = item.x + (item.width + item.depth) / 2
    times = f" x{box.repeats}" if box.repeats > 1 else ""
    size = "\u00d7".join(map(str, box.shape))
    lines = [
        (_short(box.title) + times, "600", "#0f172a"),
        (_short(box.path), "400", "#64748b"),
        (size, "400", "#334155"),
    ]
    y = item.middle + item.height / 2 + 16
    return "".join(
        f'<text x="{centre:.1f}" y="{y + 14 * number:.1f}" text-anchor="middle" font-weight="{weight}" '
        f'fill="{fill}">{escape(line)}</text>'
        for number, (line, weight, fill) in enumerate(line for line in lines if line[0])
    )


def _short(text: str) -> str:
    """Return a label that fits its column; the end of a path says more than its beginning."""
    if cell_len(text) <= _LABEL_CELLS:
        return text
    if "." in text:
        return "\u2026" + set_cell_size(text[::-1], _LABEL_CELLS - 3).rstrip()[::-1]
    return set_cell_size(text, _LABEL_CELLS - 3).rstrip() + "\u2026"


def _heads(item: _Placed) -> list[str]:
    parts = []
    for number, head in enumerate(item.box.branches):
        x = item.x + item.width / 2 + number * _LABEL
        y = item.middle + item.height / 2 + 66
        parts.append(
            f'<path d="M{x:.1f},{y - 8:.1f}v8" stroke="#64748b" stroke-dasharray="3 2"/>'
            f'<rect x="{x - 34:.1f}" y="{y:.1f}" width="68" height="34" rx="3" fill="#f0fdf4" '
            f'stroke="#16a34a" stroke-dasharray="4 3"/>'
            f'<text x="{x:.1f}" y="{y + 14:.1f}" text-anchor="middle" font-weight="600">'
            f"{escape(_short(head.title))}</text>"
            f'<text x="{x:.1f}" y="{y + 28:.1f}" text-anchor="middle" fill="#64748b">train only</text>'
        )
    return parts


def _title(table: Table) -> str:
    size = "\u00d7".join(map(str, table.input))
    facts = f"{size}   {count(table.total.params)} parameters   {count(table.total.macs)} MACs"
    return (
        f'<text x="40" y="34" font-size="18" font-weight="700" fill="#0f172a">{escape(table.name)}</text>'
        f'<text x="40" y="54" font-size="12" fill="#475569">{escape(facts)}</text>'
    )
