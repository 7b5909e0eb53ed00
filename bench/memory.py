"""Training memory and time of DenseNet-121 with `checkpoint=True` against torchvision's default.

    python bench/memory.py --batch 16

Memory: a process each, one warm-up step and one more, then its peak resident size, weights and torch itself
included. glibc keeps freed blocks under 32 MB, which blurs that, so it is also taken, as "exact", with
MALLOC_MMAP_THRESHOLD_=131072, where it does not. Time: one process, the rivals taking turns, medians of the
repeats. A step is forward, cross-entropy, backward and SGD with momentum at 224x224. Needs torchvision.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from peers import torchvision
from torch import nn
from torch.nn.functional import cross_entropy

from striate.nets.papers.densenet import DenseNet

LAYOUTS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
RIVALS = (
    "torchvision nchw",
    "torchvision nhwc",
    "torchvision-checkpoint nchw",
    "striate nchw",
    "striate nhwc",
)


def stepper(rival: str, batch: int) -> Callable[[], None]:
    """Return one training step of a rival."""
    name, layout = rival.split()
    net: nn.Module
    if name == "striate":
        net = DenseNet(checkpoint=True)
    else:
        net = torchvision().models.densenet121(memory_efficient=name.endswith("checkpoint"))
    net = net.train().to(memory_format=LAYOUTS[layout])  # type: ignore[call-overload]
    x = torch.randn(batch, 3, 224, 224).contiguous(memory_format=LAYOUTS[layout])
    y = torch.randint(0, 1000, (batch,))
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(net(x), y).backward()
        optimizer.step()

    return step


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure_memory(rival: str, batch: int) -> dict[str, int]:
    step = stepper(rival, batch)
    before = peak()
    step()
    step()
    return {"peak": peak(), "before": before}


def memory_in_process(rival: str, batch: int, *, exact: bool) -> dict[str, int]:
    environment = os.environ | ({"MALLOC_MMAP_THRESHOLD_": "131072"} if exact else {})
    command = [sys.executable, __file__, "--batch", str(batch), "--one", rival]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def measure_times(batch: int, repeats: int, rivals: tuple[str, ...]) -> dict[str, list[float]]:
    steps = {rival: stepper(rival, batch) for rival in rivals}
    times: dict[str, list[float]] = {rival: [] for rival in rivals}
    for repeat in range(repeats + 1):
        for rival, step in steps.items():
            began = time.perf_counter()
            step()
            if repeat:  # the first is warm-up
                times[rival].append(time.perf_counter() - began)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", help="measure the memory of one rival in this process")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.one:
        print(json.dumps(measure_memory(args.one, args.batch)))
        return
    peer = RIVALS[0]
    memory = {
        kind: {r: memory_in_process(r, args.batch, exact=kind == "exact") for r in RIVALS}
        for kind in ("default", "exact")
    }
    times = measure_times(args.batch, args.repeats, RIVALS)
    print("| DenseNet-121, batch", args.batch, "| peak MB | exact | x peer | s a step | x peer (spread) |")
    for rival in RIVALS:
        default, exact = memory["default"][rival]["peak"], memory["exact"][rival]["peak"]
        ratios = [a / b for a, b in zip(times[rival], times[peer], strict=True)]
        print(
            f"| {rival} | {default / 1e6:.0f} | {exact / 1e6:.0f} "
            f"| {exact / memory['exact'][peer]['peak']:.2f} | {statistics.median(times[rival]):.2f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |"
        )
    print(json.dumps({"memory": memory, "times": times, "torch": torch.__version__, "threads": args.threads}))


if __name__ == "__main__":
    main()
