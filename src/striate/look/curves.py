"""The curves of a run as SVG: numbers only, so that the page around them can speak any language."""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from striate.tasks.metric import Metric

# The colour of each curve; the page's legend uses the same.
COLOURS = {"train": "#4269d0", "held out": "#c2410c", "step": "#b8c4e6"}


@dataclass(frozen=True)
class Line:
    """One curve: its points and the name of its colour."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def loss_lines(metrics: Sequence[dict[str, Any]], *, split: str | None) -> list[Line]:
    """Return the loss of each logged step and of each epoch, over epochs."""
    epochs = [line for line in metrics if line["kind"] == "epoch"]
    steps = [line for line in metrics if line["kind"] == "step"]
    per_epoch = epochs[0]["step"] if epochs else 1
    lines = [Line("step", [s["step"] / per_epoch for s in steps], [s["loss"] for s in steps])]
    return lines + _epoch_lines(epochs, "loss", split)


def score_lines(metrics: Sequence[dict[str, Any]], metric: Metric, *, split: str | None) -> list[Line]:
    """Return the task's metric of each epoch, a share in percent; nan where it is not defined."""
    epochs = [line for line in metrics if line["kind"] == "epoch"]
    scale = 100 if metric.share else 1
    return [
        Line(line.name, line.x, [nan if y is None else scale * y for y in line.y])
        for line in _epoch_lines(epochs, metric.key, split)
    ]


def draw(lines: Sequence[Line]) -> str:
    """Return an SVG of curves over epochs, text kept as text."""
    with drawing((5.6, 3.0)) as (axes, out):
        for line in lines:
            marker = "o" if len(line.x) == 1 else ""
            axes.plot(
                line.x,
                line.y,
                color=COLOURS[line.name],
                linewidth=1 if line.name == "step" else 2,
                marker=marker,
            )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(left=0)
    return out.getvalue().decode()


@contextmanager
def drawing(size: tuple[float, float]) -> Iterator[tuple[Axes, io.BytesIO]]:
    """Give axes to draw on, `size` in inches, and the buffer that holds the SVG once they are left."""
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


def _epoch_lines(epochs: Sequence[dict[str, Any]], what: str, split: str | None) -> list[Line]:
    x = [line["epoch"] for line in epochs]
    lines = [Line("train", x, [line[f"train_{what}"] for line in epochs])]
    if split is not None:
        lines.append(Line("held out", x, [line[f"{split}_{what}"] for line in epochs]))
    return lines
