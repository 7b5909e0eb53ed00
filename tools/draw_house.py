"""Draw docs/house.svg: the rooms of striate on their floors, from what its files import. `make golden` runs this.

A room is a top-level package; it stands one floor above the highest that it imports. An arrow goes from a room to one
that it imports, and is left out where it follows from others: a -> c beside a -> b -> c. A line that passes a floor
has a lane there; lines to one room join. The table of rooms in docs/architecture.md is written too.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from itertools import combinations, pairwise
from pathlib import Path
from random import Random

from house import FILES, OPEN, SRC, family, owner, promise, striate_imports

DOCS = Path(__file__).parent.parent / "docs"
PAGE, TEXT_PAGE = DOCS / "house.svg", DOCS / "architecture.md"
# The way of a data set through the house.
FLOW = ("sources", "pictures", "data", "training", "runs", "report")
# Top-level modules that are drawn as part of a room: the door, which has the public names, and the command line.
PART_OF = {"__init__": "striate", "moved": "striate", "__main__": "cli"}
SAID = {"striate": "the public names"}
KEY = (
    "A room imports only what stands below it; an arrow that follows from others is left out. "
    "Numbers are lines of code, roughly; white cells are sub-packages."
)
# Lines of code are told in these steps, so that the picture is redrawn when a room has grown and not at every change.
STEPS = (1, 1.5, 2, 3, 4, 5, 7, 10)

WIDTH, MARGIN = 1000, 28
BETWEEN_FLOORS, BETWEEN_ROOMS = 34, 22
PER_LINE = 0.052  # pixels of a room's width for a line of code, where its names do not ask for more
NAME, SMALL = 16, 12  # sizes of text
CELL, BETWEEN_CELLS, PAD = 22, 6, 11  # the height of a cell, the space between two, and that around them
LANE = 8
STARTS, SWEEPS = 20, 12
INK, FAINT, PAPER, LINE = "#1f2a37", "#5b6675", "#ffffff", "#8b97a6"
ROOM, EDGE, MARKED, MARKED_EDGE = "#f3f6fa", "#b9c4d1", "#fdf3e3", "#d98a1f"
HEAD_HEIGHT, STRIP_HEIGHT = 80, 54


@dataclass
class Room:
    """What is drawn on a floor: a room, or, without a name, a lane in which a line passes it on its way to `leads`."""

    floor: int
    name: str = ""
    leads: str = ""
    cells: tuple[str, ...] = ()
    lines: int = 0
    width: float = LANE
    height: float = 0
    centre: float = WIDTH / 2
    top: float = 0
    above: list["Room"] = field(default_factory=list)
    below: list["Room"] = field(default_factory=list)


@cache
def wide(text: str, size: int, *, bold: bool = False) -> float:
    """Return about how wide a text is, a little more than most fonts make it."""
    narrow, broad = sum(c in "fijlrt ,.'" for c in text), sum(c in "mw" for c in text)
    return size * ((0.63 if bold else 0.59) * len(text) - 0.22 * narrow + 0.26 * broad)


def about(lines: int) -> int:
    """Return the step of STEPS that is nearest to a number, times a power of ten."""
    power = 10 ** (len(str(lines)) - 1)
    return round(min(STEPS, key=lambda step: abs(step * power / lines - 1)) * power)


def room_of(path: Path) -> str:
    """Return the room that a file is drawn in."""
    name = family(owner(path))
    return PART_OF.get(name, name)


@cache
def imports() -> dict[str, set[str]]:
    """Return the rooms that each room imports, those that are open to all left out."""
    found: dict[str, set[str]] = {}
    for path in FILES:
        me = room_of(path)
        others = {PART_OF.get(family(other), family(other)) for other in striate_imports(path)}
        found.setdefault(me, set()).update(others - {me, *OPEN})
    return {name: found[name] for name in sorted(found) if name not in OPEN}


def arrows(edges: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Return of a graph without circles the edges that do not follow from others."""

    @cache
    def reached(name: str) -> frozenset[str]:
        return frozenset(edges[name]).union(*(reached(other) for other in edges[name]))

    return {
        name: sorted(o for o in others if not any(o in reached(p) for p in others - {o}))
        for name, others in edges.items()
    }


def floors(edges: Mapping[str, set[str]]) -> dict[str, int]:
    """Return each room's floor, 0 for one that imports no other."""

    @cache
    def floor(name: str) -> int:
        return 1 + max((floor(other) for other in edges[name]), default=-1)

    return {name: floor(name) for name in edges}


def make_room(name: str, floor: int) -> Room:
    """Return a room with its cells, its lines of code and its size."""
    mine = [path for path in FILES if room_of(path) == name]
    cells = tuple(sorted({owner(path).split("/")[1] for path in mine if "/" in owner(path)}))
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in mine)
    badge = 26 if name in FLOW else 0
    title = wide(name, NAME, bold=True) + wide(note_of(name, lines), SMALL) + 14 + badge
    width = max(inside(cells), title) + 2 * PAD
    height = NAME + 2 * PAD - 2 + (CELL + 7 if cells else 0)
    return Room(floor, name, name, cells, lines, max(width, PER_LINE * about(lines)), height)


def inside(cells: Sequence[str]) -> float:
    """Return how wide cells are side by side."""
    return sum(wide(cell, SMALL) + 14 for cell in cells) + BETWEEN_CELLS * (len(cells) - 1)


def note_of(name: str, lines: int) -> str:
    """Return what stands beside a room's name."""
    return SAID.get(name) or f"{about(lines):,}"


def plan() -> list[list[Room]]:
    """Return the floors, ground first, each with its rooms and lanes from left to right, placed."""
    edges = imports()
    level = floors(edges)
    house: list[list[Room]] = [[] for _ in range(max(level.values()) + 1)]
    at: dict[tuple[str, int], Room] = {}
    for name, floor in level.items():
        at[name, floor] = make_room(name, floor)
        house[floor].append(at[name, floor])
    for name, others in arrows(edges).items():
        for other in others:
            before = at[name, level[name]]
            for floor in range(level[name] - 1, level[other] - 1, -1):
                if (other, floor) not in at:
                    at[other, floor] = Room(floor, leads=other)
                    house[floor].append(at[other, floor])
                here = at[other, floor]
                if here not in before.below:
                    before.below.append(here)
                    here.above.append(before)
                before = here
    order(house)
    stack(house)
    return house


def order(house: list[list[Room]]) -> None:
    """Put the rooms of each floor into the order in which lines cross least and are short.

    From each of many starts the best swaps of two are taken until none helps; the rooms of the best are then placed,
    and swapped again by how far their lines go aside.
    """
    found = []
    for start in range(STARTS):
        draw = Random(start)
        for rooms in house:
            rooms.sort(key=lambda room: draw.random())
        found.append((swapped(house, cost=crossings), [list(rooms) for rooms in house]))
    best = min(found, key=lambda pair: pair[0])
    for rooms, chosen in zip(house, best[1], strict=True):
        rooms[:] = chosen
    swapped(house, cost=aside)
    place(house)


def swapped(house: Sequence[list[Room]], *, cost: Callable[[Sequence[Sequence[Room]]], float]) -> float:
    """Swap two rooms of a floor as long as that lowers a cost, and return the cost."""
    best = cost(house)
    improved = True
    while improved:
        improved = False
        for rooms in house:
            for i, j in combinations(range(len(rooms)), 2):
                rooms[i], rooms[j] = rooms[j], rooms[i]
                if (now := cost(house)) < best - 1e-6:
                    best, improved = now, True
                else:
                    rooms[i], rooms[j] = rooms[j], rooms[i]
    return round(best, 6)


def crossings(house: Sequence[Sequence[Room]]) -> float:
    """Return how many lines cross where the rooms of each floor are evenly apart, and a little for lines that slant."""
    at = {id(room): (i + 1) / (len(rooms) + 1) for rooms in house for i, room in enumerate(rooms)}
    total = 0.0
    for rooms in house:
        lines = [(at[id(room)], at[id(other)]) for room in rooms for other in room.below]
        total += sum(abs(a - b) for a, b in lines) / 10
        total += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(lines, 2))
    return total


def aside(house: Sequence[Sequence[Room]]) -> float:
    """Place the rooms, and return how far the lines go aside, with much more for each two that cross."""
    place(house)
    lines = [abs(room.centre - other.centre) for rooms in house for room in rooms for other in room.below]
    return sum(lines) + 400 * crossings(house)


def place(house: Sequence[Sequence[Room]]) -> None:
    """Give each room a centre near those its lines lead to, in the order of its floor and without overlaps."""
    for rooms in house:
        for i, room in enumerate(rooms):
            room.centre = WIDTH * (i + 1) / (len(rooms) + 1)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for rooms in house[::-1] if down else house:
            wanted = []
            for room in rooms:
                near = (room.above or room.below) if down else (room.below or room.above)
                wanted.append(sum(o.centre for o in near) / len(near) if near else room.centre)
            for room, centre in zip(rooms, apart(rooms, wanted), strict=True):
                room.centre = centre


def apart(rooms: Sequence[Room], wanted: Sequence[float]) -> list[float]:
    """Return the centres nearest to those wanted, by least squares, with which rooms in this order do not touch."""
    starts, offset = [], 0.0
    for left, right in pairwise([None, *rooms]):
        assert right is not None
        offset += 0 if left is None else (left.width + right.width) / 2 + BETWEEN_ROOMS
        starts.append(offset)
    # What is left is to be in rising order: blocks that are not are joined at their mean.
    blocks: list[tuple[float, int]] = []
    for centre, start in zip(wanted, starts, strict=True):
        blocks.append((centre - start, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, n), (b, m) = blocks.pop(-2), blocks.pop()
            blocks.append(((a * n + b * m) / (n + m), n + m))
    shifts = [shift for shift, count in blocks for _ in range(count)]
    least = MARGIN + rooms[0].width / 2
    most = WIDTH - MARGIN - rooms[-1].width / 2 - starts[-1]
    return [
        min(max(shift, least), max(most, least)) + start for shift, start in zip(shifts, starts, strict=True)
    ]


def stack(house: Sequence[Sequence[Room]]) -> None:
    """Give each floor its height, the highest first."""
    top: float = HEAD_HEIGHT
    for rooms in reversed(house):
        height = max(room.height for room in rooms)
        for room in rooms:
            room.top, room.height = top, height
        top += height + BETWEEN_FLOORS


def lines_of(house: Sequence[Sequence[Room]]) -> Iterator[str]:
    """Draw the arrows: curves from floor to floor, straight where they pass one."""
    for room in (room for rooms in house for room in rooms):
        ways = sorted(room.below, key=lambda other: other.centre)
        step = min(36, room.width / (len(ways) + 1))
        for i, other in enumerate(ways):
            x, y = room.centre + (i - (len(ways) - 1) / 2) * step, room.top + room.height
            to, end = other.centre, other.top - (6 if other.name else 0)
            middle = (y + end) / 2
            curve = f"M {x:.1f} {y:.1f} C {x:.1f} {middle:.1f} {to:.1f} {middle:.1f} {to:.1f} {end:.1f}"
            if other.name:
                yield f'<path d="{curve}" marker-end="url(#tip)"/>'
            else:
                yield f'<path d="{curve} V {other.top + other.height:.1f}"/>'


def text(x: float, y: float, words: str, *, size: int = SMALL, fill: str = FAINT, more: str = "") -> str:
    """Draw a text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}"{more}>{escape(words)}</text>'


def box(x: float, y: float, size: tuple[float, float], *, fill: str, stroke: str, radius: int = 7) -> str:
    """Draw a rectangle with round corners, `size` being its width and height."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" rx="{radius}" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def badge(x: float, y: float, number: int) -> Iterator[str]:
    """Draw the number of a room on the way of the data."""
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{MARKED_EDGE}"/>'
    yield text(x, y + 4, str(number), fill=PAPER, more=' text-anchor="middle" font-weight="bold"')


def drawn(room: Room) -> Iterator[str]:
    """Draw a room: its name, its lines of code and its cells."""
    marked, left = room.name in FLOW, room.centre - room.width / 2
    base = room.top + (PAD + NAME - 3 if room.cells else room.height / 2 + 5.5)
    yield f"<g><title>{escape(promise(SRC if room.name == 'striate' else SRC / room.name))}</title>"
    yield box(
        left, room.top, (room.width, room.height),
        fill=MARKED if marked else ROOM, stroke=MARKED_EDGE if marked else EDGE,
    )  # fmt: skip
    if marked:
        yield from badge(left + PAD + 9, base - 5, FLOW.index(room.name) + 1)
    bold = ' font-weight="bold"'
    yield text(left + PAD + (26 if marked else 0), base, room.name, size=NAME, fill=INK, more=bold)
    yield text(left + room.width - PAD, base, note_of(room.name, room.lines), more=' text-anchor="end"')
    yield from cells(room)
    yield "</g>"


def cells(room: Room) -> Iterator[str]:
    """Draw the sub-packages of a room, side by side over its whole width."""
    spare = room.width - 2 * PAD - inside(room.cells)
    x, y = room.centre - room.width / 2 + PAD, room.top + room.height - PAD - CELL + 3
    for cell in room.cells:
        width = inside((cell,)) + spare / len(room.cells)
        yield box(x, y, (width, CELL), fill=PAPER, stroke=EDGE, radius=4)
        yield text(x + width / 2, y + CELL / 2 + 4, cell, fill=INK, more=' text-anchor="middle"')
        x += width + BETWEEN_CELLS


def head() -> Iterator[str]:
    """Draw what the picture is, the way of the data, and how to read it."""
    yield text(MARGIN, 34, "The house of striate", size=18, fill=INK, more=' font-weight="bold"')
    yield text(MARGIN, 56, KEY)
    x = WIDTH - MARGIN - sum(wide(name, SMALL + 1) + 40 for name in FLOW) + 14
    yield text(x - 10, 33, "the way of a data set", more=' text-anchor="end"')
    for number, name in enumerate(FLOW, 1):
        yield from badge(x + 9, 29, number)
        yield text(x + 22, 33, name, size=SMALL + 1, fill=INK)
        x += wide(name, SMALL + 1) + 40


def strip(top: float) -> Iterator[str]:
    """Draw the modules that are open to all."""
    yield box(MARGIN, top, (WIDTH - 2 * MARGIN, 34), fill="#e9eef4", stroke=EDGE)
    yield text(MARGIN + PAD, top + 22, "open to all", fill=FAINT)
    for i, name in enumerate(OPEN):
        x = WIDTH * (i + 1) / (len(OPEN) + 1)
        yield text(x, top + 22, name, size=14, fill=INK, more=' text-anchor="middle" font-weight="bold"')


def picture() -> str:
    """Return the whole picture as SVG."""
    house = plan()
    ground = max(room.top + room.height for room in house[0]) + 20
    height = round(ground + STRIP_HEIGHT)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Helvetica, Arial, sans-serif" role="img" aria-label="The packages of striate, floor by floor">',
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M 0 0 L 8 4 L 0 8 z" fill="{LINE}"/></marker></defs>',
        box(0.5, 0.5, (WIDTH - 1, height - 1), fill=PAPER, stroke=EDGE, radius=12),
        *head(),
        f'<g fill="none" stroke="{LINE}" stroke-width="1.5">',
        *lines_of(house),
        "</g>",
        *(line for rooms in house for room in rooms if room.name for line in drawn(room)),
        *strip(ground),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def table() -> str:
    """Return the table of what each room and each of its sub-packages promises, from the ground up."""
    level = floors(imports())
    packages = {name for name in map(owner, FILES) if (SRC / name).is_dir()}
    names = [*OPEN, *sorted(packages, key=lambda name: (level[family(name)], name))]
    rows = [f"| `{name}` | {promise(SRC / name)} |" for name in names]
    return "\n".join(["| room | what it promises |", "|---|---|", *rows]) + "\n"


def text_page() -> str:
    """Return docs/architecture.md with that table in place of the one that stands there."""
    page = TEXT_PAGE.read_text(encoding="utf-8")
    return re.sub(r"\| room \|.*\n(\|.*\n)+", lambda _: table(), page, count=1)


if __name__ == "__main__":
    PAGE.write_text(picture(), encoding="utf-8")
    TEXT_PAGE.write_text(text_page(), encoding="utf-8")
