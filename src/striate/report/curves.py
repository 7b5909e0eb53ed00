"""The curves of a run as SVG: numbers only, so that the page around them can speak any language."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

from matplotlib.ticker import MaxNLocator

from striate.display.chart import CURVE_COLOURS, drawing
from striate.tasks.task import Metric


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
                color=CURVE_COLOURS[line.name],
                linewidth=1 if line.name == "step" else 2,
                marker=marker,
            )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(left=0)
    return out.getvalue().decode()


def _epoch_lines(epochs: Sequence[dict[str, Any]], what: str, split: str | None) -> list[Line]:
    x = [line["epoch"] for line in epochs]
    lines = [Line("train", x, [line[f"train_{what}"] for line in epochs])]
    if split is not None:
        lines.append(Line("held out", x, [line[f"{split}_{what}"] for line in epochs]))
    return lines
