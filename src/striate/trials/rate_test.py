"""The learning rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3)."""

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

from striate.data.augment.augment import Augment
from striate.display.chart import Stroke, draw, smooth, svg_url
from striate.display.page import page_template
from striate.errors import DivergedError, command
from striate.preparing.settings import Settings
from striate.progress import Progress, Silent
from striate.sources.source import Source
from striate.training.step import NotFiniteError
from striate.trials.start import Start, Trial, begin

# The learning rate rises from LOWEST to HIGHEST times the usual one, in so many steps a decade: 150 steps at most.
LOWEST, HIGHEST = 1e-3, 1e3
STEPS_A_DECADE = 25
# The test ends where the smoothed loss is over so many times its least.
DIVERGED = 4
# The suggested rate, as a share of the one with the least loss. At that one the loss is about to rise, and the
# suggested one must hold for a whole run.
SAFE = 0.1


@dataclass(frozen=True)
class RateTest:
    """The result of a range test: the loss before the step at each learning rate, as it was and smoothed.

    `lr` is the suggested rate, a tenth of the one at which the smoothed loss was least. `command` is the command line
    that trains with it, empty where a command line cannot say what was asked.
    """

    data: str
    net: str
    optimizer: str
    batch: int
    rates: Sequence[float]
    losses: Sequence[float]
    smoothed: Sequence[float]
    lr: float
    command: str

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return dict(vars(self))

    def html(self) -> str:
        """Return a page, in English and Korean: the loss against the rate, and the command to train with."""
        strokes = [Stroke("", self.rates, self.losses, faint=True), Stroke("", self.rates, self.smoothed)]
        chart = svg_url(draw(strokes, log_x=True, mark=self.lr))
        return page_template("striate.trials", "find_lr.html").render(test=self, chart=chart)


def find_lr(
    data: str | Path | Source,
    *,
    net: str | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> RateTest:
    """Run a learning rate range test: train for some steps at a rising rate, and suggest the peak rate to train with.

    The network begins as `striate.train` would begin it, sees the same batches, and is thrown away. The test ends
    where the smoothed loss is over four times its least. Raises DivergedError where the loss does not fall at any
    rate, and as `striate.train` does before its first step.
    """
    progress = progress or Silent()
    settings = settings or Settings()
    settings = replace(settings, net=net or settings.net, lr=None)
    start = begin(data, settings, progress)
    rates, losses = _rise(start, progress)
    smoothed = smooth(losses)
    recipe, lr = start.prepared.recipe, suggestion(rates, smoothed)
    return RateTest(
        data=recipe.data,
        net=recipe.net,
        optimizer=start.plan.optimizer,
        batch=start.plan.batch,
        rates=rates,
        losses=losses,
        smoothed=smoothed,
        lr=lr,
        command=train_command(data, settings, lr=lr),
    )


def suggestion(rates: Sequence[float], smoothed: Sequence[float]) -> float:
    """Return a tenth of the rate of least loss, to two digits; raises DivergedError where the loss never fell."""
    if not smoothed or min(smoothed) == smoothed[0]:
        raise DivergedError(
            "the loss did not fall at any rate, so none can be suggested. "
            "Look at the pictures and labels, or try another --net or --optimizer."
        )
    best = SAFE * rates[min(range(len(smoothed)), key=smoothed.__getitem__)]
    return float(f"{best:.2g}")


def train_command(data: str | Path | Source, settings: Settings, *, lr: float) -> str:
    """Return the command that trains as `settings` say at a rate, or nothing where a command line cannot say it."""
    if not isinstance(data, str | Path) or isinstance(settings.augment, Augment):
        return ""
    words: list[object] = []
    for each in fields(Settings):
        value, flag = getattr(settings, each.name), "--" + each.name.replace("_", "-")
        if each.name == "lr" or value == each.default:
            continue
        if value is False:
            words.append(flag.replace("--", "--no-", 1))
        else:
            words += [flag] if value is True else [flag, value]
    return command("train", data, *words, "--lr", f"{lr:g}")


def _rise(start: Start, progress: Progress) -> tuple[list[float], list[float]]:
    """Return the rates tried and the loss before the step at each."""
    decades = math.log10(HIGHEST / LOWEST)
    steps = round(STEPS_A_DECADE * decades)
    rates: list[float] = []
    losses: list[float] = []
    trial = Trial(start, start.plan)
    progress.begin("finding lr", steps, unit="steps")
    with closing(start.batches()) as batches:
        for number, batch in enumerate(islice(batches, steps)):
            rate = start.plan.lr * LOWEST * 10 ** (number / STEPS_A_DECADE)
            try:
                loss = trial.step(number, batch, lr=rate, progress=0.0).loss
            except NotFiniteError:
                break
            rates.append(rate)
            losses.append(loss)
            smoothed = smooth(losses)
            progress.advance(1)
            if smoothed[-1] > DIVERGED * min(smoothed):
                break
    progress.end()
    return rates, losses
