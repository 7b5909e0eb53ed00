"""Answers against truths as SVG: numbers only, so that the page around them can speak any language."""

import numpy as np
from torch import Tensor

from striate.look.curves import COLOURS, drawing

# The most points drawn: a browser draws each.
POINTS = 2_000


def scatter(truths: Tensor, answers: Tensor) -> str:
    """Return an SVG of numbers (N,), across what they are and up what was answered, and the line of no error.

    Of more than 2,000 pictures as many, spread evenly, are shown.
    """
    chosen = np.unique(np.linspace(0, len(truths) - 1, POINTS).astype(int))
    x, y = truths.numpy()[chosen], answers.numpy()[chosen]
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    with drawing((4.2, 4.0)) as (axes, out):
        axes.plot(ends, ends, color=COLOURS["held out"], linewidth=1)
        axes.plot(x, y, "o", color=COLOURS["train"], markersize=3, alpha=0.5, markeredgewidth=0)
    return out.getvalue().decode()
