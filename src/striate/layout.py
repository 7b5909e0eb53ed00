"""The memory order of weights and pictures that is quicker here, measured once for a network, its input and batch."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from striate.cache import cache_folder
from striate.data.pictures import Source
from striate.data.progress import Progress
from striate.durable import write_file
from striate.pace import WARM_UP, timed
from striate.preparation import Prepared, prepare
from striate.training.choice import Chosen, Settings
from striate.training.device import PROCESSOR
from striate.training.environment import environment
from striate.training.recipe import LAYOUTS

# What is chosen where the other is no quicker than by this share, which two measurements of one thing differ by.
USUAL = "contiguous"
CLEARLY = 0.03
# Steps of each layout that are timed, in turns, so that what else the machine does slows all alike.
STEPS, TURNS = 4, 3


def prepare_laid_out(
    data: str | Path | Source, settings: Settings, progress: Progress, *, device: torch.device = PROCESSOR
) -> Prepared:
    """Return what `prepare` does, its layout measured where `settings` say 'auto'."""
    if settings.layout != "auto":
        return prepare(data, settings, progress)
    prepared = prepare(data, replace(settings, layout=USUAL), progress)
    seconds = measured_layouts(prepared, device=device)
    layout = quickest(seconds)
    told = ", ".join(f"{name} {1000 * value:.3g}" for name, value in seconds.items())
    progress.say(str(Chosen("layout", layout, f"milliseconds a step here: {told}")))
    return with_layout(prepared, layout)


def quickest(seconds: Mapping[str, float]) -> str:
    """Return the layout that is clearly the quickest, or else the usual one: never one that was measured slower."""
    best = min(seconds, key=lambda name: seconds[name])
    return best if seconds[best] < seconds[USUAL] * (1 - CLEARLY) else USUAL


def measured_layouts(prepared: Prepared, *, device: torch.device = PROCESSOR) -> dict[str, float]:
    """Return the seconds of a step in each layout, from the cache where they were measured before."""
    path, key = cache_folder() / "layouts.json", _key(prepared, device)
    try:
        return {name: float(_read(path)[key][name]) for name in LAYOUTS}
    except (ValueError, KeyError, TypeError):  # not measured yet, or not by this program
        found = _measured(prepared, device)
        _keep(path, key, found)
        return found


def with_layout(prepared: Prepared, layout: str) -> Prepared:
    """Return the same run with another layout."""
    plan = replace(prepared.recipe.train, layout=layout)
    return replace(prepared, recipe=replace(prepared.recipe, train=plan))


def _measured(prepared: Prepared, device: torch.device) -> dict[str, float]:
    """Time some steps of each layout, in turns, and return the least of each."""
    laid_out = {name: with_layout(prepared, name) for name in sorted(LAYOUTS)}
    batch = prepared.recipe.train.batch
    for one in laid_out.values():
        timed(one, WARM_UP * batch, device=device)
    turns = [
        {name: timed(one, STEPS * batch, device=device).step for name, one in laid_out.items()}
        for _ in range(TURNS)
    ]
    return {name: min(turn[name] for turn in turns) for name in laid_out}


def _key(prepared: Prepared, device: torch.device) -> str:
    """Return what decides how long a step takes: machine, versions, threads, network, input, batch, optimizer."""
    recipe, here = prepared.recipe, environment(seed=0)
    shape = (recipe.preprocess.channels, *recipe.preprocess.size)
    facts = (
        str(device),
        here["cpu"], here["cores"], here["gpu"], torch.__version__, torch.get_num_threads(), recipe.net, shape,
        len(prepared.classes), recipe.train.batch, recipe.train.optimizer,
    )  # fmt: skip
    return json.dumps(facts, ensure_ascii=False)


def _read(path: Path) -> dict[str, Any]:
    """Return what the cache has; nothing where it is missing or broken."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _keep(path: Path, key: str, found: Mapping[str, float]) -> None:
    """Add a measurement to the cache; one that cannot be written is made again the next time."""
    content = json.dumps({**_read(path), key: found}, indent=1, ensure_ascii=False)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content.encode())
