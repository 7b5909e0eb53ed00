"""A training step at 224 by 224: striate against timm's benchmark script, on five networks.

    python bench/step.py --repeats 5 [--batch 8] [--nets resnet18 ...]

`timm` is the step of timm's benchmark script, eager: its networks (torchvision's for GoogLeNet, which it lacks), SGD by
its factory, random pictures. `timm channels_last` and `timm compiled` are the same in that memory order and through
torch.compile. `striate` is the step of a run in float32, by the engine it measures to be quicker, with all it does
besides: checks that every number is finite, scores, rates. `striate, as it chooses` may compute in fewer bits. The
auxiliary losses of GoogLeNet are added up by all. Each rival is a process; they take turns a step at a time, and the
steps of warming up, which measure and compile, are not counted. Needs timm and torchvision.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from math import prod
from time import perf_counter
from typing import Any

import numpy as np
import torch
from machine import THREADS, machine
from peers import torchvision
from torch.nn.functional import cross_entropy
from turns import Rival, serve

import striate
from striate.host.memory import keep_freed_memory
from striate.preparing.engine import engine_of, prepare_measured
from striate.progress import Silent
from striate.sources.arrays.arrays import ArrayPictures
from striate.sources.source import Source
from striate.trials.start import Start, Trial

NETS = ("resnet18", "resnet50", "vgg16", "densenet121", "googlenet")
# Network -> what striate calls that of timm and torchvision, whose GoogLeNet has 3x3 where the paper has 5x5.
SAME = {"googlenet": "googlenet-torchvision"}
SIDE, CLASSES, AUXILIARY = 224, 1000, 0.3
PEERS = ("timm", "timm channels_last", "timm compiled")
STRIATE = {"striate": {"precision": "fp32"}, "striate, as it chooses": {}}
RIVALS = (*STRIATE, *PEERS)
WARM_UP = 2


def striate_steps(net: str, batch: int, asked_for: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Steps as a run makes them, on random pictures."""
    keep_freed_memory()
    pixels = np.random.default_rng(0).integers(0, 256, (2 * batch, SIDE, SIDE, 3), np.uint8)
    pictures = ArrayPictures("train", pixels, np.arange(2 * batch) % CLASSES, np.arange(2 * batch))
    source = Source("", "random", tuple(f"{i:03}" for i in range(CLASSES)), {"train": pictures})
    settings = striate.Settings(
        net=SAME.get(net, net), size=SIDE, batch=batch, epochs=1, augment="none", lr=1e-4, **asked_for
    )
    prepared = prepare_measured(source, settings, Silent(), lasts=True)
    start = Start(prepared, torch.device("cpu"))
    trial, given = Trial(start, start.plan), next(start.batches())
    for number in count():
        started = perf_counter()
        trial.step(number, given, lr=1e-4, progress=0.0)
        yield {"seconds": perf_counter() - started, "engine": str(engine_of(prepared))}


def timm_steps(net: str, batch: int, kind: str) -> Iterator[Mapping[str, Any]]:
    """The training step of timm's benchmark script (Apache-2.0)."""
    vision = torchvision()
    import timm.optim

    if net == "googlenet":
        model = vision.models.googlenet(weights=None, aux_logits=True, init_weights=False)
    else:
        model = timm.create_model(net)
    order = torch.channels_last if kind.endswith("channels_last") else torch.contiguous_format
    model = model.to(memory_format=order).train()
    optimizer = timm.optim.create_optimizer_v2(model, opt="sgd", lr=1e-4)
    if kind.endswith("compiled"):
        model = torch.compile(model)
    images = torch.randn(batch, 3, SIDE, SIDE).contiguous(memory_format=order)
    target = torch.randint(0, CLASSES, (batch,))
    while True:
        started = perf_counter()
        optimizer.zero_grad()
        output = model(images)
        outputs = [output] if isinstance(output, torch.Tensor) else list(output)
        losses = [cross_entropy(logits, target) for logits in outputs]
        (losses[0] + AUXILIARY * sum(losses[1:])).backward()
        optimizer.step()
        yield {"seconds": perf_counter() - started}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=NETS)
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=RIVALS)
    parser.add_argument("--rival", choices=RIVALS)
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    if args.rival in STRIATE:
        serve(striate_steps(args.nets[0], args.batch, STRIATE[args.rival]))
    elif args.rival:
        serve(timm_steps(args.nets[0], args.batch, args.rival))
    else:
        report(args.nets, args.batch, args.repeats, args.rivals)


def turns(net: str, batch: int, repeats: int, names: list[str]) -> list[dict[str, dict[str, Any]]]:
    """Return what each rival took for each step, those of warming up left out."""
    rivals, cache = {}, tempfile.TemporaryDirectory()
    for name in names:  # one after another, since each measures or compiles as it begins
        fresh = {"STRIATE_CACHE": cache.name}
        rivals[name] = Rival(__file__, name, "--nets", net, "--batch", str(batch), environment=fresh)
        for _ in range(WARM_UP):
            rivals[name].round()
    rounds = [{name: rival.round() for name, rival in rivals.items()} for _ in range(repeats)]
    for rival in rivals.values():
        rival.end()
    cache.cleanup()
    return rounds


def report(nets: list[str], batch: int, repeats: int, names: list[str]) -> None:
    """Measure and print a row a network, and JSON."""
    print(f"| network | {', s | '.join(names)}, s | to timm | spread | to the best of timm's | engines |")
    print("|---" * (len(names) + 5) + "|", flush=True)
    found, quicker = {}, {name: [] for name in STRIATE if name in names}
    for net in nets:
        found[net] = rounds = turns(net, batch, repeats, names)
        medians = {name: statistics.median(turn[name]["seconds"] for turn in rounds) for name in names}
        for name, ratios in quicker.items():
            ratios.append(medians["timm"] / medians[name])
        best = min(medians[name] for name in PEERS if name in names)
        spread = sorted(turn["timm"]["seconds"] / turn["striate"]["seconds"] for turn in rounds)
        print(
            f"| {net} | {' | '.join(f'{value:.2f}' for value in medians.values())} "
            f"| {', '.join(f'{ratios[-1]:.2f}x' for ratios in quicker.values())} "
            f"| {spread[0]:.2f} to {spread[-1]:.2f} | {best / medians['striate']:.2f}x "
            f"| {', '.join(rounds[0][name]['engine'] for name in quicker)} |",
            flush=True,
        )
    for name, ratios in quicker.items():
        print(f"{name}: {prod(ratios) ** (1 / len(ratios)):.2f}x timm in the geometric mean")
    print(json.dumps({"machine": machine(), "rounds": found}))


if __name__ == "__main__":
    main()
