"""A picture of optimizers going down a surface, as SVG, JSON and a page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from striate.display.chart import Stroke, colour, dash, draw, svg_url
from striate.display.page import page_template
from striate.errors import UsageError, unknown
from striate.trials.animation import animate
from striate.trials.entrants import SEVEN, entrants
from striate.trials.surface import SURFACES, Surface, Trail, walk

# The least height that is drawn of a surface whose lowest height is 0.
LOWEST = 1e-4


@dataclass(frozen=True)
class Descent:
    """Optimizers on a surface, each with its trail."""

    surface: Surface
    walks: Sequence[Trail]

    def svg(self) -> str:
        """Return the surface and the balls going down it, animated."""
        return animate(self.surface, self.walks)

    def html(self) -> str:
        """Return a page, in English and Korean: the animation, the height at each step, and who arrived when."""
        strokes = [
            Stroke(w.name, range(len(w.heights)), self._shown(w), colour=colour(i), dash=dash(i))
            for i, w in enumerate(self.walks)
        ]
        return page_template("striate.trials", "descent.html").render(
            surface=self.surface,
            scene=Markup(self.svg()),
            heights=svg_url(draw(strokes)),
            rows=[(w, colour(i)) for i, w in enumerate(self.walks)],
        )

    def lines(self) -> list[str]:
        """Return when each arrived, as a table of text."""
        wide = max(len(w.name) for w in self.walks)
        return [
            f"{w.name:{wide}}  rate {w.lr:<8g} "
            + ("did not arrive" if w.arrival is None else f"arrived at step {w.arrival}")
            for w in self.walks
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        ways = [
            {"name": w.name, "lr": w.lr, "arrival": w.arrival, "places": w.places.tolist()}
            for w in self.walks
        ]
        return {"surface": self.surface.name, "formula": self.surface.formula, "walks": ways}

    def _shown(self, w: Trail) -> list[float]:
        """Return the heights, clamped to those of the picture, and to LOWEST where the surface has none below 0."""
        low, high = self.surface.range()
        return w.heights.nan_to_num(high).clamp(low if low < 0 else LOWEST, high).tolist()


def descend(surface: str, *, optimizers: Sequence[str] = SEVEN) -> Descent:
    """Let optimizers go down a 'saddle' or a 'valley' of two weights and return their trails.

    An optimizer may be named with its rate, 'adam:0.1'; otherwise each has one chosen for the picture. Raises
    UsageError for muon, which is for matrices.
    """
    if surface not in SURFACES:
        raise unknown("surface", surface, SURFACES)
    chosen = SURFACES[surface]
    walks = []
    for name, (optimizer, rate) in entrants(optimizers).items():
        if optimizer not in chosen.rates:
            raise UsageError(
                f"{optimizer} is for the filters of convolutions, and a surface has two single weights."
            )
        walks.append(replace(walk(chosen, optimizer, lr=rate or chosen.rates[optimizer]), name=name))
    return Descent(chosen, walks)
