"""env.json: the machine and the versions a run was made with."""

import os
import platform
import subprocess
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from striate.host.launch import place

PACKAGES = ("striate", "torch", "numpy", "pillow", "simplejpeg", "safetensors")


def environment(*, seed: int) -> dict[str, Any]:
    """Return when a run began, and what can change its result: versions, processor, threads, world size, revision."""
    return {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {name: version_of(name) for name in PACKAGES},
        "system": f"{platform.system()} {platform.release()}",
        "cpu": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": place().size,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "seed": seed,
        "revision": _revision(),
    }


def version_of(package: str) -> str | None:
    """Return a package's version, or None where it runs from a source tree that was never installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor_name() -> str:
    """Return what the processor calls itself."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def _revision() -> str | None:
    """Return the commit of the source tree this package runs from, or None where it is an installed copy."""
    root = Path(__file__).parents[4]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:  # there is no git on this machine
        return None
    return done.stdout.strip() or None
