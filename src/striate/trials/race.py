"""A race of optimizers: the same network from the same weights, fed the same batches."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

from striate.data.loader import Batch
from striate.errors import UsageError
from striate.preparing.settings import Settings
from striate.progress import Progress, Silent
from striate.sources.source import Source
from striate.training.step import NotFiniteError
from striate.trials.entrants import SEVEN, entrants
from striate.trials.lanes import Lane, Race
from striate.trials.start import Start, Trial, begin

EPOCHS = 2


def race(
    data: str | Path | Source,
    *,
    optimizers: Sequence[str] = SEVEN,
    steps: int | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Race:
    """Train a network by several optimizers side by side and return how they went; no run folder is written.

    An optimizer may be named with its rate, 'adam:0.001', and more than once at several rates; otherwise each has its
    usual one. All start from the same weights and get the same batches. `steps` replaces the epochs of `settings`, of
    which there are 2 unless they say otherwise. Raises UsageError, DataError or StorageError.
    """
    named, progress = entrants(optimizers), progress or Silent()
    settings = settings or Settings()
    if settings.optimizer is not None or settings.lr is not None:
        raise UsageError("a race names its optimizers and their rates: --optimizers adam:0.001,momentum.")
    if steps is not None and steps < 1:
        raise UsageError(f"steps is {steps}; it must be at least 1.")
    if settings.schedule == "plateau":
        raise UsageError(
            "a race has no plateau: its schedules go by the step alone. Give another --schedule."
        )
    settings = replace(settings, epochs=settings.epochs or EPOCHS)
    first, rate = next(iter(named.values()))
    start = begin(data, replace(settings, optimizer=first, lr=rate), progress)
    lanes = [
        Lane(name, start.with_optimizer(optimizer, replace(settings, lr=rate)))
        for name, (optimizer, rate) in named.items()
    ]
    total = steps or start.plan.epochs * start.prepared.loader("train").steps
    return _run(start, lanes, total, progress)


def _run(start: Start, lanes: list[Lane], steps: int, progress: Progress) -> Race:
    """Run the race: each batch goes to every lane in turn, so that other load on the machine slows all alike."""
    trials = {lane.name: Trial(start, lane.plan) for lane in lanes}
    _warm_up(start)
    progress.begin("race", steps * len(lanes), unit="steps")
    with closing(start.batches()) as batches:
        for number, batch in enumerate(islice(batches, steps)):
            for lane in lanes:
                if not lane.diverged:
                    _step(lane, trials[lane.name], number, batch, steps)
                progress.advance(1)
    progress.end()
    split = next((s for s in ("val", "test") if s in start.prepared.stores), "")
    for lane in lanes:
        _score(lane, trials[lane.name], start, split)
    recipe = start.prepared.recipe
    return Race(
        data=recipe.data,
        net=recipe.net,
        task=recipe.task,
        seed=recipe.seed,
        steps=steps,
        batch=start.plan.batch,
        schedule=start.plan.schedule,
        split=split,
        metric=start.prepared.task.metric,
        lanes=lanes,
    )


def _step(lane: Lane, trial: Trial, number: int, batch: Batch, steps: int) -> None:
    """Make one step and add it to the lane, with the time it took."""
    done, before = number / steps, lane.seconds[-1] if lane.seconds else 0.0
    began = time.perf_counter()
    try:
        outcome = trial.step(number, batch, lr=trial.rate(done), progress=done)
    except NotFiniteError:
        lane.diverged = True
        return
    lane.seconds.append(before + time.perf_counter() - began)
    lane.losses.append(outcome.loss)


def _score(lane: Lane, trial: Trial, start: Start, split: str) -> None:
    """Score a lane on held-out pictures at its end; where the loss is not finite there, it has diverged."""
    if not split or lane.diverged:
        return
    scores = trial.score(start.loader(split))
    lane.diverged = not abs(scores.loss) < float("inf")
    if not lane.diverged:
        lane.loss, lane.score = scores.loss, scores.score


def _warm_up(start: Start) -> None:
    """Make one step with a network that is thrown away, since the first step of a process is slower than all others."""
    with closing(start.batches()) as batches:
        Trial(start, start.plan).step(0, next(batches), lr=0.0, progress=0.0)
