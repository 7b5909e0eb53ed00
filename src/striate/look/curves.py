"""The curves of a run as SVG: numbers only, so that the page around them can speak any language."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

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


def accuracy_lines(metrics: Sequence[dict[str, Any]], *, split: str | None) -> list[Line]:
    """Return the accuracy of each epoch in percent."""
    epochs = [line for line in metrics if line["kind"] == "epoch"]
    return [
        Line(line.name, line.x, [100 * y for y in line.y]) for line in _epoch_lines(epochs, "accuracy", split)
    ]


def draw(lines: Sequence[Line]) -> str:
    """Return an SVG of curves over epochs, text kept as text."""
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "striate", "font.family": "sans-serif"}
    ):
        figure = Figure(figsize=(5.6, 3.0), layout="constrained")
        axes = figure.add_subplot()
        for line in lines:
            marker = "o" if len(line.x) == 1 else ""
            axes.plot(
                line.x,
                line.y,
                color=COLOURS[line.name],
                linewidth=1 if line.name == "step" else 2,
                marker=marker,
            )
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(left=0)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    return out.getvalue().decode()


def _epoch_lines(epochs: Sequence[dict[str, Any]], what: str, split: str | None) -> list[Line]:
    x = [line["epoch"] for line in epochs]
    lines = [Line("train", x, [line[f"train_{what}"] for line in epochs])]
    if split is not None:
        lines.append(Line("held out", x, [line[f"{split}_{what}"] for line in epochs]))
    return lines
