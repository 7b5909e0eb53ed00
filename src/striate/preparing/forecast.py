"""The time and memory that a run will take, by a few of its own steps, and the epochs that fit in a given time."""

import re
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from striate.errors import UsageError
from striate.host.device import PROCESSOR
from striate.preparing.choice import Chosen
from striate.preparing.engine import prepare_measured
from striate.preparing.pace import Pace, measured_pace
from striate.preparing.prepared import Prepared
from striate.preparing.settings import Settings
from striate.progress import Progress, Silent
from striate.sources.source import Source
from striate.tracing.summary import summary
from striate.training.ranks.ranks import joined
from striate.units import clock

# The share of a given time that is kept in reserve for slower steps later, and the seconds set aside for the report.
KEPT_BACK = 0.1
REPORT_SECONDS = 3.0
# More epochs than these are not chosen, however much time is given.
MOST_EPOCHS = 300
# The least given time, in seconds, for which measuring engines pays.
LASTING = 30
UNITS = {"s": 1, "m": 60, "h": 3600}
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to take, from its first step to its end.

    `seconds` is the whole time, without reading the pictures and writing the report. `epoch_seconds` includes scoring
    and the checkpoint of an epoch.
    """

    net: str
    input: tuple[int, int, int]
    pictures: int
    epochs: int
    batch: int
    steps: int
    step_seconds: float
    epoch_seconds: float
    seconds: float
    memory_bytes: int

    def text(self) -> str:
        """Return it in a few lines."""
        shape = "x".join(map(str, self.input))
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return "\n".join(
            [
                f"net      {self.net} at {shape}",
                f"steps    {self.steps:,}: {epochs} of {self.pictures:,} pictures, {self.batch} a step",
                f"memory   {self.memory_bytes / 1e6:,.0f} MB for weights, gradients, optimizer and activations",
                f"time     {clock(self.seconds)}: {self.step_seconds * 1000:.3g} ms a step, "
                f"{self.epoch_seconds:.3g} s an epoch with its looks at held-out pictures",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def dry_run(
    data: str | Path | Source, *, settings: Settings | None = None, progress: Progress | None = None
) -> Forecast:
    """Return what `train` would take on this machine: the pictures are read and a few steps made, and no run is left.

    Decoded pictures stay in the cache folder, as after any reading. Raises what `train` raises before its first step.
    """
    settings, progress = settings or Settings(), progress or Silent()
    with joined(settings.device) as ranks:
        prepared = prepare_in_time(data, settings, progress, device=ranks.device)
        return forecast(prepared, measured_pace(prepared, device=ranks.device))


def prepare_in_time(
    data: str | Path | Source, settings: Settings, progress: Progress, *, device: torch.device = PROCESSOR
) -> Prepared:
    """Prepare a run as `prepare_measured` does, with as many epochs as fit where `settings` give a time.

    Raises UsageError where not even one epoch fits.
    """
    if settings.time is None:
        return prepare_measured(data, settings, progress, device=device)
    started = time.monotonic()
    limit = seconds_of(settings.time)
    # One epoch is a placeholder, until reading and measuring are done.
    prepared = prepare_measured(
        data, replace(settings, time=None, epochs=1), progress, device=device, lasts=limit >= LASTING
    )
    pace = measured_pace(prepared, device=device)
    one = forecast(prepared, pace)
    epochs = epochs_within(limit - (time.monotonic() - started), one)
    if epochs == 0:
        needed = (time.monotonic() - started + one.seconds + REPORT_SECONDS) / (1 - KEPT_BACK)
        raise UsageError(
            f"time {settings.time} is too short: one epoch and what goes with it take about {clock(needed)} here. "
            f"Give more, or a smaller --size or --net."
        )
    reason = f"what fits in {settings.time}; an epoch takes {one.epoch_seconds:.3g} s here"
    progress.say(
        str(Chosen("epochs", epochs, reason if epochs < MOST_EPOCHS else "the most chosen for a time"))
    )
    plan = replace(prepared.recipe.train, epochs=epochs)
    return replace(prepared, recipe=replace(prepared.recipe, train=plan))


def epochs_within(left: float, one: Forecast) -> int:
    """Return how many epochs fit in the seconds left, a reserve kept; `one` is the forecast for one epoch."""
    beside = one.seconds - one.epoch_seconds + REPORT_SECONDS
    fit_in = int((left * (1 - KEPT_BACK) - beside) / one.epoch_seconds)
    return max(0, min(MOST_EPOCHS, fit_in))


def forecast(prepared: Prepared, pace: Pace) -> Forecast:
    """Return what a run at this pace takes."""
    recipe, plan = prepared.recipe, prepared.recipe.train
    held_out = [split for split in ("val", "test") if len(prepared.stores.get(split, ()))]
    sizes = [len(prepared.stores[split]) for split in held_out]
    steps = prepared.loader("train").steps
    epoch = steps * pace.step + pace.checkpoint + (sizes[0] * pace.evaluation if sizes else 0.0)
    shape = recipe.preprocess.input
    return Forecast(
        net=recipe.net,
        input=shape,
        pictures=len(prepared.stores["train"]),
        epochs=plan.epochs,
        batch=plan.batch,
        steps=plan.epochs * steps,
        step_seconds=pace.step,
        epoch_seconds=epoch,
        seconds=plan.epochs * epoch + (sizes[-1] * pace.evaluation if sizes else 0.0),
        memory_bytes=_memory(prepared, shape, pace),
    )


def seconds_of(text: str) -> float:
    """Return the seconds of a time such as 90s, 10m, 1.5h or 1h30m; raises UsageError for another text."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError(f"time is '{text}'; wanted a number with s, m or h, such as 90s, 10m or 1h30m.")
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if seconds <= 0:
        raise UsageError(f"time is {text}; it must be over 0.")
    return seconds


def _memory(prepared: Prepared, shape: tuple[int, int, int], pace: Pace) -> int:
    """Return the bytes of weights, gradients and activations as traced, and of the optimizer's state as measured."""
    recipe = prepared.recipe
    traced = summary(
        prepared.blueprint.make,
        shape,
        batch=recipe.train.batch,
        name=recipe.net,
    ).total
    # The trace assumes one float of optimizer state for each trainable weight.
    return traced.training_bytes - FLOAT_BYTES * traced.trainable + pace.optimizer_bytes
