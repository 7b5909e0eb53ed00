"""What a measurement was made on."""

import platform
from pathlib import Path
from typing import Any

import torch

from striate.tracing.machine import measured as roofline

THREADS = 2


def machine() -> dict[str, Any]:
    """Return processor, versions, and the peaks measured now."""
    torch.set_num_threads(THREADS)
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    facts = dict(line.split(":", 1) for line in cpu.split("\n\n")[0].splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    peak = roofline(fresh=True)
    return {
        "cpu": facts.get("model name", platform.processor()),
        "flags": [f for f in facts.get("flags", "").split() if f.startswith(("avx", "amx", "fma"))],
        "threads": THREADS,
        "flops": peak.flops,
        "bandwidth": peak.bandwidth,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
