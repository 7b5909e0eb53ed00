"""This machine's peak FLOP/s and memory bandwidth, measured once and kept in the cache folder."""

import time
from collections.abc import Callable

import torch

from striate.arithmetic.cost import Cost
from striate.arithmetic.roofline import Machine, roofline
from striate.host.cache import Measurements
from striate.tracing.record import Op

_SIDE = 2048
_BYTES = 256 * 2**20
_REPEATS = 7
KNOWN = Measurements("machine.json")


def measured(*, fresh: bool = False) -> Machine:
    """Return the machine's float32 peak and bandwidth with torch's current number of threads.

    They are measured in about a second, and kept for each number of threads and version of torch; `fresh` measures
    again.
    """
    key = f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    found = None if fresh else KNOWN.find(key)
    if found is None:
        found = {"flops": _peak(), "bandwidth": _bandwidth()}
        KNOWN.keep(key, found)
    return Machine(flops=found["flops"], bandwidth=found["bandwidth"])


def least_seconds(op: Op, machine: Machine) -> float:
    """Return the least time one operation can take: the longer of its arithmetic and its memory traffic."""
    cost = Cost(macs=op.macs or 0, inputs=op.read, outputs=op.written)
    return roofline(cost, machine, element=1).seconds


def _peak() -> float:
    a, b = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)
    out = torch.empty(_SIDE, _SIDE)
    return 2 * _SIDE**3 / _fastest(lambda: torch.mm(a, b, out=out))


def _bandwidth() -> float:
    source = torch.ones(_BYTES // 4)
    target = torch.empty_like(source)
    return 2 * _BYTES / _fastest(lambda: target.copy_(source))


def _fastest(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
