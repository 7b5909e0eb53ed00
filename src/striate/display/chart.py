"""Charts as SVG: numbers and names only, so that the page around them can speak any language."""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from torch import Tensor

# Paul Tol's muted scheme (https://sronpersonalpages.nl/~pault/), its lighter colours darkened to be seen on white. For
# the colour-blind, curves also differ by their dashes and have their names at their ends.
PALETTE = ("#332288", "#cc6677", "#117733", "#a8860b", "#2b8cbe", "#882255", "#44aa99", "#aa4499", "#555555")
DASHES = ("-", (0, (5, 1.5)), (0, (2, 1)), "-.")
# The axis is logarithmic where the largest value is more than this many times the smallest.
LOG_SPAN = 4
# From this ratio on, only powers of ten are labelled.
MANY = 300
# Values up to this many times the largest first value of a curve are shown.
HEADROOM = 1.25
# The height of a name, as a share of the axes.
NAME_HEIGHT = 0.062
SIZE = (6.4, 4.0)
# The colour of each curve; the page's legend uses the same.
CURVE_COLOURS = {"train": "#4269d0", "held out": "#c2410c", "step": "#b8c4e6"}
# The decay of the running mean of a loss, per step.
KEPT = 0.8
# The most points of a scatter plot: a browser draws each.
POINTS = 2_000


@dataclass(frozen=True)
class Stroke:
    """One curve; `ended` marks one that stopped being finite, `faint` one that is there for comparison."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str = PALETTE[0]
    dash: object = "-"
    ended: bool = False
    faint: bool = False


def colour(number: int) -> str:
    """Return the colour of a curve by its number."""
    return PALETTE[number % len(PALETTE)]


def dash(number: int) -> object:
    """Return the dashes of a curve by its number: neighbours differ, and so do curves of one colour."""
    return DASHES[(number + number // len(PALETTE)) % len(DASHES)]


def draw(strokes: Sequence[Stroke], *, log_x: bool = False, mark: float | None = None) -> str:
    """Return an SVG of curves with their names at their ends, and a vertical line at `mark`.

    Values above HEADROOM times the largest first value are cut off, so that one curve that diverges does not flatten
    the others.
    """
    with drawing(SIZE) as (axes, out):
        if log_x:
            axes.set_xscale("log")
        curves = [stroke for stroke in strokes if not stroke.faint and len(stroke.y)]
        top = HEADROOM * max((stroke.y[0] for stroke in curves), default=1.0)
        shown = [min(y, top) for stroke in curves for y in stroke.y]
        if shown and min(shown) > 0 and max(shown) > LOG_SPAN * min(shown):
            _logarithmic(axes, span=max(shown) / min(shown))
        for stroke in strokes:
            axes.plot(
                stroke.x, stroke.y,
                color=stroke.colour, linestyle=stroke.dash,
                linewidth=0.8 if stroke.faint else 1.8, alpha=0.45 if stroke.faint else 1,
            )  # fmt: skip
            if stroke.ended and len(stroke.x):
                end = min(stroke.y[-1], top)
                axes.plot(
                    stroke.x[-1], end, marker="x", color=stroke.colour, markeredgewidth=2, clip_on=False
                )
        if shown:
            _show(axes, min(shown), max(shown))
        if mark is not None:
            axes.axvline(mark, color=PALETTE[1], linewidth=1.4, linestyle="--")
        _name([stroke for stroke in strokes if stroke.name and len(stroke.x)], axes)
    return out.getvalue().decode()


def _logarithmic(axes: Axes, *, span: float) -> None:
    """Make the y axis logarithmic, with its labels as plain numbers: 0.5, not 5 times 10 to the minus 1."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if span < MANY else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _show(axes: Axes, low: float, high: float) -> None:
    """Set the limits of the y axis to `low` and `high`, with a margin of a twentieth."""
    if axes.get_yscale() == "log":
        room = (high / low) ** 0.05
        axes.set_ylim(low / room, high * room)
    else:
        room = 0.05 * (high - low) or 0.05
        axes.set_ylim(low - room, high + room)


def _name(strokes: Sequence[Stroke], axes: Axes) -> None:
    """Write each name right of the axes at the height of its curve's end, moved apart where they would touch."""
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = sorted(
        ((float(to_axes.transform((stroke.x[-1], stroke.y[-1]))[1]), stroke) for stroke in strokes),
        key=lambda end: end[0],
    )
    for height, (_, stroke) in zip(apart([height for height, _ in ends]), ends, strict=True):
        axes.annotate(
            stroke.name,
            (1.015, height),
            xycoords="axes fraction",
            color=stroke.colour,
            va="center",
            fontsize=9.5,
        )


def apart(heights: Sequence[float]) -> list[float]:
    """Return ascending heights moved into 0..1 and at least NAME_HEIGHT apart.

    Where there are too many for that, the lowest go below 0.
    """
    placed = [min(max(height, 0.0), 1.0) for height in heights]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + NAME_HEIGHT)
    over = max(0.0, placed[-1] - 1.0) if placed else 0.0
    if placed:
        placed[-1] -= over
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - NAME_HEIGHT)
    return placed


@contextmanager
def drawing(size: tuple[float, float]) -> Iterator[tuple[Axes, io.BytesIO]]:
    """Provide axes to draw on, `size` in inches, and the buffer that holds the SVG after the context."""
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "striate", "font.family": "sans-serif"}
    ):
        figure = Figure(figsize=size, layout="constrained")
        axes, out = figure.add_subplot(), io.BytesIO()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
        yield axes, out
        figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)


def svg_url(svg: str) -> str:
    """Return an SVG as a data URL."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def smooth(losses: Sequence[float]) -> list[float]:
    """Return the exponential moving average of the losses, with decay 0.8 and the bias of its start corrected."""
    smoothed, total = [], 0.0
    for number, loss in enumerate(losses, 1):
        total = KEPT * total + (1 - KEPT) * loss
        smoothed.append(total / (1 - KEPT**number))
    return smoothed


def scatter(truths: Tensor, answers: Tensor) -> str:
    """Return an SVG that plots predictions (N,) against true values (N,), with the line on which they are equal.

    Of more than 2,000 pictures, 2,000 at equal distances are shown.
    """
    chosen = np.unique(np.linspace(0, len(truths) - 1, POINTS).astype(int))
    x, y = truths.numpy()[chosen], answers.numpy()[chosen]
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    with drawing((4.2, 4.0)) as (axes, out):
        axes.plot(ends, ends, color=CURVE_COLOURS["held out"], linewidth=1)
        axes.plot(x, y, "o", color=CURVE_COLOURS["train"], markersize=3, alpha=0.5, markeredgewidth=0)
    return out.getvalue().decode()
