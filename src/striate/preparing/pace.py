"""How fast a run is on this machine, by a few of its own steps."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from striate.errors import Interrupted
from striate.host.device import PROCESSOR
from striate.nets.catalog.catalog import CATALOG
from striate.preparing.prepared import Prepared
from striate.progress import Silent
from striate.runs.folder.record import read_record
from striate.tasks.scoring import evaluate
from striate.training.job import Job
from striate.training.loop import fit
from striate.training.ranks.ranks import Ranks

# Steps that are not timed, since the first ones fetch code and memory; seconds that the timed ones take, and how many.
WARM_UP = 2
MEASURED_SECONDS = 2.0
MEASURED_STEPS = (4, 40)
EVALUATED = 512


@dataclass(frozen=True)
class Pace:
    """Seconds of a step with its batch, of a look at a held-out picture, of a checkpoint; bytes of the optimizer."""

    step: float
    evaluation: float
    checkpoint: float
    optimizer_bytes: int


def measured_pace(prepared: Prepared, *, device: torch.device = PROCESSOR) -> Pace:
    """Train a copy of the network for a few steps with all that belongs to them, and throw it away."""
    batch = prepared.recipe.train.batch
    warm = timed(prepared, WARM_UP * batch, device=device)
    few, many = MEASURED_STEPS
    steps = max(few, min(many, int(MEASURED_SECONDS / max(warm.step, 1e-6))))
    return timed(prepared, steps * batch, device=device)


def timed(prepared: Prepared, pictures: int, *, device: torch.device = PROCESSOR) -> Pace:
    """Make an epoch of some of the training pictures, with a rate of 0, and say what it took."""
    recipe, store = prepared.recipe, prepared.stores["train"]
    # The rate changes no step's time, and at 0 the weights cannot diverge. They are timed as the longest ones are:
    # with all layers learning, at full size.
    plan = replace(
        recipe.train,
        epochs=1,
        lr=0.0,
        checkpoint_every=0,
        frozen=0.0,
        progressive=1.0,
        patience=0,
        calibrate=False,
    )
    spread = np.unique(np.linspace(0, len(store) - 1, min(pictures, len(store))).astype(np.int64))
    some = replace(prepared, stores={**prepared.stores, "train": store.subset(spread)})
    loader = replace(some.loader("train"), device=device)
    model = prepared.blueprint.make()
    with tempfile.TemporaryDirectory(prefix="striate-") as name:
        folder = Path(name)
        job = Job(
            recipe=replace(recipe, train=plan),
            task=prepared.task,
            train=loader,
            watched=None,
            final=None,
            folder=folder,
            progress=Silent(),
            ranks=Ranks(device=device),
            rule=CATALOG[recipe.net].rule if recipe.net in CATALOG else None,
        )
        started = time.perf_counter()
        try:
            fit(model, job)
        except Interrupted as error:  # there is nothing to go on with
            raise KeyboardInterrupt from error
        whole = time.perf_counter() - started
        seconds = next(
            line["seconds"] for line in read_record(folder / "metrics.jsonl") if line["kind"] == "epoch"
        )
        states = [path.stat().st_size for path in folder.glob("checkpoints/*/optimizer.safetensors")]
    return Pace(
        step=seconds / loader.steps,
        evaluation=_evaluation(model, prepared, device),
        checkpoint=max(0.0, whole - seconds),
        optimizer_bytes=max(states, default=0),
    )


def _evaluation(model: nn.Module, prepared: Prepared, device: torch.device) -> float:
    """Return the seconds of looking at one held-out picture."""
    split = next((split for split in ("val", "test") if len(prepared.stores.get(split, ()))), "train")
    store = prepared.stores[split]
    some = store.subset(np.arange(min(EVALUATED, len(store))))
    started = time.perf_counter()
    evaluate(model, replace(prepared.loader(split), store=some, device=device).evaluation(), prepared.task)
    return (time.perf_counter() - started) / len(some)
