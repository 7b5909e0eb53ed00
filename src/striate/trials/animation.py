"""Optimizers on a surface as an animated SVG: the surface seen at a slant, a numbered ball for each optimizer."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from striate.display.chart import colour
from striate.trials.surface import Surface, Trail

Points = NDArray[np.float64]

WIDTH, HEIGHT, MARGIN = 960, 600, 14
CELLS = 30
# Colours of the lowest and the highest point; pale, so that the balls stand out.
LOW, HIGH = (158, 186, 214), (247, 243, 232)
SECONDS_A_STEP = 0.07
# How long the balls rest at the end, in steps.
REST = 25
RADIUS = 9.5
# Where the list of names stands, from the left.
LEGEND = 830


def animate(surface: Surface, walks: Sequence[Trail]) -> str:
    """Return the SVG. It moves by itself, without a script, over and over."""
    trails = [_trail(surface, walk) for walk in walks]
    seconds = (surface.steps + REST) * SECONDS_A_STEP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" data-seconds="{seconds:g}">',
        f"<title>{surface.name}</title>",
        *_mesh(surface),
        *(_way(trail, colour(i), seconds) for i, trail in enumerate(trails)),
        # The last are drawn first, so that where all stand together the numbers begin with 1.
        *(_ball(trails[i], i, seconds) for i in reversed(range(len(walks)))),
        *(_legend(walk, i) for i, walk in enumerate(walks)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def project(surface: Surface, places: Points, heights: Points) -> Points:
    """Return the position in the picture, in pixels (..., 2), of places (..., 2) and their heights (...).

    The scale is the one at which the surface fills the picture.
    """
    edges = _slanted(surface, *_grid(surface)).reshape(-1, 2)
    low, high = edges.min(0), edges.max(0)
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    scale = (room / (high - low)).min()
    middle = np.array([WIDTH, HEIGHT]) / 2 - scale * (low + high) / 2
    return scale * _slanted(surface, places, heights) + middle


def _slanted(surface: Surface, places: Points, heights: Points) -> Points:
    """Return the position of each point in a picture before it is scaled, y downwards."""
    x, y = np.moveaxis(places / np.array(surface.reach) * np.array(surface.drawn), -1, 0)
    turn, tilt = np.radians((surface.turn, surface.tilt))
    across = x * np.cos(turn) + y * np.sin(turn)
    away = y * np.cos(turn) - x * np.sin(turn)
    up = away * np.sin(tilt) + surface.lift * heights * np.cos(tilt)
    return np.stack([across, -up], -1)


def _grid(surface: Surface) -> tuple[Points, Points]:
    """Return the corners of the cells (CELLS + 1, CELLS + 1, 2), and their heights."""
    along = np.linspace(-1, 1, CELLS + 1)
    places = np.stack(np.meshgrid(along * surface.reach[0], along * surface.reach[1], indexing="ij"), -1)
    return places, surface.height(torch.from_numpy(places)).numpy()


def _mesh(surface: Surface) -> list[str]:
    """Return the surface as quadrilaterals, the farthest first."""
    places, heights = _grid(surface)
    corners = project(surface, places, heights)
    lowest, span = heights.min(), np.ptp(heights)
    # Without their heights, what is farther away stands higher.
    depths = _slanted(surface, places, np.zeros_like(heights))[..., 1]
    cells = sorted(np.ndindex(CELLS, CELLS), key=lambda cell: depths[cell])
    return [
        _quad(
            corners[[i, i + 1, i + 1, i], [j, j, j + 1, j + 1]],
            (heights[i : i + 2, j : j + 2].mean() - lowest) / span,
        )
        for i, j in cells
    ]


def _quad(corners: Points, share: float) -> str:
    fill = "#" + "".join(
        f"{round(low + share * (high - low)):02x}" for low, high in zip(LOW, HIGH, strict=True)
    )
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return (
        f'<polygon points="{points}" fill="{fill}" stroke="#8a99ab" stroke-opacity=".45" stroke-width=".6"/>'
    )


def _trail(surface: Surface, walk: Trail) -> Points:
    """Return where a ball is at each step, in pixels; one that leaves the picture stays at its edge."""
    places = walk.places.numpy().copy()
    outside = (np.abs(places) > np.array(surface.reach)) | ~np.isfinite(places)
    gone = outside.any(1)
    if gone.any():
        first = int(gone.argmax())
        before, after = places[first - 1], np.nan_to_num(places[first], posinf=1e9, neginf=-1e9)
        step = after - before
        room = (np.sign(step) * surface.reach - before)[step != 0] / step[step != 0]
        places[first:] = before + min(1.0, float(room.min())) * step
    return project(surface, places, surface.height(torch.from_numpy(places)).numpy())


def _rested(values: Sequence[str]) -> str:
    return ";".join([*values, *[values[-1]] * REST])


def _way(trail: Points, shade: str, seconds: float) -> str:
    """Return the line behind a ball, which is drawn as the ball goes."""
    lengths = np.concatenate([[0.0], np.hypot(*np.diff(trail, axis=0).T).cumsum()])
    shares = lengths / max(lengths[-1], 1e-9)
    d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in trail)
    left = _rested([f"{1 - share:.4f}" for share in shares])
    return (
        f'<path d="{d}" pathLength="1" fill="none" stroke="{shade}" stroke-width="2.4" stroke-linejoin="round" '
        f'stroke-opacity=".85" stroke-dasharray="1 1"><animate attributeName="stroke-dashoffset" dur="{seconds:g}s" '
        f'repeatCount="indefinite" values="{left}"/></path>'
    )


def _ball(trail: Points, number: int, seconds: float) -> str:
    values = _rested([f"{x:.1f} {y:.1f}" for x, y in trail])
    x, y = trail[-1]
    return (
        f'<g transform="translate({x:.1f} {y:.1f})">{_disc(number)}<animateTransform attributeName="transform" '
        f'type="translate" dur="{seconds:g}s" repeatCount="indefinite" values="{values}"/></g>'
    )


def _legend(walk: Trail, number: int) -> str:
    y = 34 + 27 * number
    return (
        f'<g transform="translate({LEGEND} {y})">{_disc(number)}</g>'
        f'<text x="{LEGEND + 18}" y="{y + 5}" font-size="15" fill="#1c2430">{walk.name}</text>'
    )


def _disc(number: int) -> str:
    return (
        f'<circle r="{RADIUS}" fill="{colour(number)}" stroke="#fff" stroke-width="1.5"/>'
        f'<text y="4.2" text-anchor="middle" font-size="12" font-weight="700" fill="#fff">{number + 1}</text>'
    )
