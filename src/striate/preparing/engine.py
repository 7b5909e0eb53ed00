"""The engine of a run: memory order, precision and compilation, chosen by the step time measured on this machine."""

import json
import math
import os
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import nn

from striate.host.cache import Measurements
from striate.host.device import PROCESSOR
from striate.host.memory import NoRoomError, no_room_errors, release
from striate.learning.finetune import FineTuning
from striate.preparing.choice import Chosen
from striate.preparing.prepare import prepare
from striate.preparing.prepared import Prepared
from striate.preparing.settings import Settings
from striate.progress import Progress
from striate.runs.folder.environment import processor_name, version_of
from striate.runs.folder.recipe import LAYOUTS
from striate.sources.source import Source
from striate.training.step import back_propagation

# The share by which an engine must be quicker than the usual one to be chosen. In float32 it is the noise floor: two
# measurements of one engine differ by as much. In lower precision it is more, since that rounds.
CLEARLY, CLEARLY_IN_FEWER_BITS = 0.03, 0.1
# Rounds of measuring, in each of which every engine has a turn, so that other load slows all alike; and the seconds of
# a turn. A turn has two steps at least, of which the first is warm-up and not timed.
TURNS, TURN_SECONDS = 3, 0.1
# An engine over so many times slower than the quickest gets no further turn.
HOPELESS = 3
# The fewest steps of a run for which measuring pays, and the fewest seconds for which compiling, about a minute, does.
WORTH_MEASURING, WORTH_COMPILING = 400, 1200.0
KNOWN = Measurements("engines.json")


@dataclass(frozen=True)
class Engine:
    """A way to compute steps: the memory order of weights and pictures, the precision, compiled or not."""

    layout: str
    precision: str = "fp32"
    compile: bool = False

    def __str__(self) -> str:
        return f"{self.layout} {self.precision}{' compiled' if self.compile else ''}"

    @property
    def clearly(self) -> float:
        """The share by which it must be quicker than the usual one to be chosen."""
        return CLEARLY if self.precision == "fp32" else CLEARLY_IN_FEWER_BITS


Seconds = dict[Engine, float]


def prepare_measured(
    data: str | Path | Source,
    settings: Settings,
    progress: Progress,
    *,
    device: torch.device = PROCESSOR,
    lasts: bool = False,
) -> Prepared:
    """Prepare a run as `prepare` does, and choose the quickest engine on this machine where `settings` leave it open.

    Engines are measured for a run of WORTH_MEASURING steps or more, or where `lasts` says that it will be long whatever
    its epochs; a shorter one uses the measurements of an earlier run, if there are any.
    """
    prepared = prepare(data, settings, progress)
    usual = engine_of(prepared)
    among = engines(settings, usual, device=device)
    if len(among) == 1 or (prepared.facts is not None and prepared.facts.own_rate is not None):
        return prepared
    steps = prepared.recipe.train.epochs * prepared.loader("train").steps
    key = _key(prepared, device)
    known = seconds = _recalled(key)
    worth = lasts or steps >= WORTH_MEASURING
    if not worth and usual not in known:
        why = f"the usual one; {steps:,} steps are too few to measure others by"
        progress.say(str(Chosen("engine", str(usual), why)))
        return prepared
    if worth and not set(among) <= set(known):
        others = {engine: value for engine, value in known.items() if engine not in among}
        seconds = others | measured(prepared, among, device=device)
    compared = {engine: seconds.get(engine, math.inf) for engine in among}
    best = quickest(compared, usual=usual)
    if settings.compile is None and WORTH_COMPILING <= steps * compared[best] < math.inf:
        compiled = replace(best, compile=True)
        if compiled not in seconds:
            progress.say("trying torch.compile, which takes a minute or so")
            seconds = seconds | measured(prepared, [best, compiled], device=device)
        pair = {engine: seconds.get(engine, math.inf) for engine in (best, compiled)}
        compared, best = compared | pair, quickest(pair, usual=best)
    if seconds != known:
        _remember(key, seconds)
    told = ", ".join(f"{e} {1000 * value:.3g}" for e, value in compared.items() if value < math.inf)
    progress.say(str(Chosen("engine", str(best), f"milliseconds a step here: {told}")))
    return with_engine(prepared, best)


def engines(settings: Settings, usual: Engine, *, device: torch.device) -> list[Engine]:
    """Return the engines to choose from in what `settings` leave open, the usual one first.

    They are compiled only where `settings` ask for that.
    """
    fewer_bits = "bf16" if device.type != "cuda" or torch.cuda.is_bf16_supported() else "fp16"
    precisions = [settings.precision] if settings.precision else ["fp32", fewer_bits]
    layouts = [settings.layout] if settings.layout else sorted(LAYOUTS, key=lambda name: name != usual.layout)
    return [
        Engine(layout, precision, compile=bool(settings.compile))
        for precision, layout in product(precisions, layouts)
    ]


def quickest(seconds: Seconds, *, usual: Engine) -> Engine:
    """Return the quickest of the engines that beat the usual one by their share `clearly`, or else the usual one."""
    better = [e for e in seconds if seconds[e] < seconds[usual] * (1 - e.clearly)]
    return min(better, key=lambda engine: seconds[engine], default=usual)


def measured(prepared: Prepared, among: Sequence[Engine], *, device: torch.device = PROCESSOR) -> Seconds:
    """Return the seconds of a step by each engine, measured on a network that is thrown away.

    They are infinite for an engine that fails: not every operation exists in every precision, and torch.compile needs a
    compiler. An engine that only lacked memory is left out of the result, so that a later run tries it again.
    """
    # One network for all engines, since four of them with their optimizers may not fit in memory.
    model = prepared.blueprint.make().to(device)
    seconds, hopeful, cramped = dict.fromkeys(among, math.inf), list(among), set[Engine]()
    for _ in range(TURNS):
        for engine in hopeful:
            turn = _tried(model, with_engine(prepared, engine), device)
            if turn is None:
                cramped.add(engine)
            else:
                seconds[engine] = min(seconds[engine], turn)
        least = min(seconds.values())
        hopeful = [engine for engine in hopeful if seconds[engine] <= HOPELESS * least < math.inf]
    return {engine: value for engine, value in seconds.items() if value < math.inf or engine not in cramped}


def engine_of(prepared: Prepared) -> Engine:
    """Return the engine of a run."""
    plan = prepared.recipe.train
    return Engine(plan.layout, plan.precision, plan.compile)


def with_engine(prepared: Prepared, engine: Engine) -> Prepared:
    """Return the same run by another engine."""
    plan = replace(prepared.recipe.train, **asdict(engine))
    return replace(prepared, recipe=replace(prepared.recipe, train=plan))


def _tried(model: nn.Module, prepared: Prepared, device: torch.device) -> float | None:
    """Return the seconds of `_turn`, infinity where it fails, None where it runs out of memory."""
    try:
        with no_room_errors():
            return _turn(model, prepared, device)
    except NoRoomError:
        pass
    except (RuntimeError, ArithmeticError):
        return math.inf
    release()  # so that the engines after it have the memory
    return None


def _turn(model: nn.Module, prepared: Prepared, device: torch.device) -> float:
    """Return the seconds of the quickest of a few steps on one batch, at a learning rate of 0."""
    plan = prepared.recipe.train
    model.to(memory_format=LAYOUTS[plan.layout])  # type: ignore[call-overload]  # torch's stubs lack it
    tuning = FineTuning(model.train(), head=prepared.blueprint.head_parameters, frozen=0.0, body_lr=1.0)
    learner = back_propagation(model, prepared.task, plan, tuning=tuning)
    # Closed here: Ctrl-C is lost where an iterator that is dropped waits for its threads.
    with closing(
        replace(prepared.loader("train"), device=device).training(0, augment=plan.augment)
    ) as batches:
        batch = next(batches)

    def step() -> float:
        started = time.perf_counter()
        learner.step(batch, lr=0.0, progress=0.0, at_once=math.ceil(plan.batch / plan.accumulate))
        return time.perf_counter() - started

    step()
    second = step()
    return min([second, *(step() for _ in range(int(TURN_SECONDS / second)))])


def _remember(key: str, seconds: Seconds) -> None:
    """Keep the measured seconds in the cache folder; infinity, which JSON lacks, becomes null."""
    rows = [
        {**asdict(engine), "seconds": None if math.isinf(value) else value}
        for engine, value in seconds.items()
    ]
    KNOWN.keep(key, rows)


def _recalled(key: str) -> dict[Engine, float]:
    """Return the seconds that an earlier run measured, none where there are none or they cannot be read."""
    try:
        rows: list[dict[str, Any]] = [dict(row) for row in KNOWN.find(key) or ()]
        return {
            Engine(str(row["layout"]), str(row["precision"]), bool(row["compile"])): float(
                math.inf if row["seconds"] is None else row["seconds"]
            )
            for row in rows
        }
    except (TypeError, ValueError, KeyError):  # not by this program
        return {}


def _key(prepared: Prepared, device: torch.device) -> str:
    """Return the key of the measurements, which names all that decides the time of a step.

    That is machine, versions, threads, network, input, classes, batch, micro-batches and optimizer.
    """
    recipe = prepared.recipe
    shape = recipe.preprocess.input
    facts = (
        str(device), processor_name(), os.cpu_count(),
        torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        version_of("striate"), torch.__version__, torch.get_num_threads(), recipe.net, shape,
        len(prepared.classes), recipe.train.batch, recipe.train.accumulate, recipe.train.optimizer,
    )  # fmt: skip
    return json.dumps(facts, ensure_ascii=False)
