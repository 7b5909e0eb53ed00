"""striate.summary beside torchinfo on ResNet-50, VGG-16 and DenseNet-201: time in process, cold, and memory.

    python bench/summary.py [--repeats 7] [--out summary.json]

Run in an environment with bench/requirements.txt. Both summarise the same module object of torchvision at
3x224x224, taking turns; a ratio is formed within each turn. Cold is a new process that imports, builds and
summarises. Memory is the rise of the process's high-water mark during one call, in a process of its own (Linux).
Prints a Markdown row for each network and JSON. Ratios, not seconds: the machine is shared.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import Any

import torchinfo
from machine import THREADS, machine
from peers import torchvision

import striate

NETWORKS = ("resnet50", "vgg16", "densenet201")
SHAPE = (3, 224, 224)
GOAL_RATIO, GOAL_LEAST, GOAL_MEMORY = 8.0, 2.0, 100.0

# What a new process begins with.
TORCHVISION = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import peers
import torch
torch.set_num_threads({THREADS})
torchvision = peers.torchvision()
"""
COLD = {
    "striate": "import striate; striate.summary(torchvision.models.{net}, {shape})",
    "torchinfo": "import torchinfo; torchinfo.summary(torchvision.models.{net}(), (1, *{shape}), verbose=0)",
}
MEMORY = {
    "striate": "import striate; call = lambda: striate.summary(net, {shape})",
    "torchinfo": "import torchinfo; call = lambda: torchinfo.summary(net, (1, *{shape}), verbose=0)",
}
HIGH_WATER = """
def high_water():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1024
net = torchvision.models.{net}().eval()
{setup}
{imported}
open("/proc/self/clear_refs", "w").write("5")
before = high_water()
call()
print(high_water() - before)
"""
# What a call imports on first use is not its memory: the goal counts from the import on.
IMPORTED = {"striate": "striate.summary", "torchinfo": "torchinfo.summary"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = {
        "machine": machine(),
        "torchinfo": version("torchinfo"),
        "networks": {net: measured(net, asked.repeats) for net in NETWORKS},
    }
    ratios = [found["networks"][net]["in_process"]["ratio"] for net in NETWORKS]
    found["geometric_mean"] = prod(ratios) ** (1 / len(ratios))
    memory = max(found["networks"][net]["memory_mib"]["striate"] for net in NETWORKS)
    found["goals"] = {
        f"geometric mean >= {GOAL_RATIO}": found["geometric_mean"] >= GOAL_RATIO,
        f"none under {GOAL_LEAST}": min(ratios) >= GOAL_LEAST,
        f"memory under {GOAL_MEMORY} MiB": memory < GOAL_MEMORY,
        "cold start faster": all(found["networks"][net]["cold"]["ratio"] > 1 for net in NETWORKS),
    }
    print("| network | striate | torchinfo | ratio (spread) | cold ratio (spread) | memory |")
    print("|---|---|---|---|---|---|")
    for net in NETWORKS:
        print(row(net, found["networks"][net]))
    print(f"\ngeometric mean {found['geometric_mean']:.1f}x\n")
    text = json.dumps(found, indent=2)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")


def measured(net: str, repeats: int) -> dict[str, Any]:
    """Return what one network takes: in process, from a cold start, and in memory."""
    calls = in_process_calls(net)
    for call in calls.values():
        call()
    cold = {name: cold_start(net, name) for name in COLD}
    return {
        "in_process": turns(calls, repeats),
        "cold": turns(cold, repeats),
        "memory_mib": {name: added_memory(net, name) for name in MEMORY},
    }


def in_process_calls(net: str) -> dict[str, Callable[[], object]]:
    module = getattr(torchvision().models, net)().eval()
    return {
        "striate": lambda: striate.summary(module, SHAPE),
        "torchinfo": lambda: torchinfo.summary(module, (1, *SHAPE), verbose=0),
    }


def cold_start(net: str, name: str) -> Callable[[], object]:
    code = TORCHVISION + COLD[name].format(net=net, shape=SHAPE)
    return lambda: subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def added_memory(net: str, name: str) -> float:
    setup = MEMORY[name].format(shape=SHAPE)
    code = HIGH_WATER.format(net=net, setup=setup, imported=IMPORTED[name])
    command = [sys.executable, "-W", "ignore", "-c", TORCHVISION + code]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def turns(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, Any]:
    """Time the calls in turns; return medians in ms, and the ratio's median and spread over the turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - start) * 1e3)
    ratios = [peer / own for own, peer in zip(times["striate"], times["torchinfo"], strict=True)]
    return {
        **{f"{name}_ms": statistics.median(values) for name, values in times.items()},
        "ratio": statistics.median(ratios),
        "spread": [min(ratios), max(ratios)],
    }


def row(net: str, found: dict[str, Any]) -> str:
    own, cold, memory = found["in_process"], found["cold"], found["memory_mib"]
    return (
        f"| {net} | {own['striate_ms']:.1f} ms | {own['torchinfo_ms']:.0f} ms "
        f"| {own['ratio']:.1f}x ({own['spread'][0]:.1f}-{own['spread'][1]:.1f}) "
        f"| {cold['ratio']:.2f}x ({cold['spread'][0]:.2f}-{cold['spread'][1]:.2f}) "
        f"| {memory['striate']:.0f} / {memory['torchinfo']:.0f} MiB |"
    )


if __name__ == "__main__":
    main()
