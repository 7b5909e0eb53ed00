"""The pace of a run on this machine, measured by a few of its own steps."""

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

# Warm-up steps, from which the number of timed ones is worked out; the seconds these are to take; the fewest and most.
WARM_UP = 2
MEASURED_SECONDS = 2.0
MEASURED_STEPS = (4, 40)
EVALUATED = 512


@dataclass(frozen=True)
class Pace:
    """How long the parts of a run take, and how large the optimizer's state is.

    `step`: seconds of a step, making its batch included.
    `evaluation`: seconds of scoring one held-out picture.
    `checkpoint`: seconds of a run of one epoch outside that epoch, which are mostly its checkpoints.
    `optimizer_bytes`: bytes of the optimizer's state in a checkpoint.
    """

    step: float
    evaluation: float
    checkpoint: float
    optimizer_bytes: int


def measured_pace(prepared: Prepared, *, device: torch.device = PROCESSOR) -> Pace:
    """Return the pace of a few steps of a copy of the network, which is thrown away."""
    batch = prepared.recipe.train.batch
    warm = timed(prepared, WARM_UP * batch, device=device)
    few, many = MEASURED_STEPS
    steps = max(few, min(many, int(MEASURED_SECONDS / max(warm.step, 1e-6))))
    return timed(prepared, steps * batch, device=device)


def timed(prepared: Prepared, pictures: int, *, device: torch.device = PROCESSOR) -> Pace:
    """Return the pace of one epoch on so many of the training pictures, at a learning rate of 0."""
    recipe, store = prepared.recipe, prepared.stores["train"]
    # A step takes as long at any learning rate, and at 0 the weights cannot diverge. Steps are timed at their slowest:
    # with all layers learning, on pictures of full size.
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
    """Return the seconds of scoring one held-out picture, or a training picture where none is held out."""
    split = next((split for split in ("val", "test") if len(prepared.stores.get(split, ()))), "train")
    store = prepared.stores[split]
    some = store.subset(np.arange(min(EVALUATED, len(store))))
    started = time.perf_counter()
    evaluate(model, replace(prepared.loader(split), store=some, device=device).evaluation(), prepared.task)
    return (time.perf_counter() - started) / len(some)
