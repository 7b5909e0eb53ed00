"""torchvision, timm and scikit-learn as oracles: installed without their dependencies, only for tests."""

import importlib
import importlib.util
import warnings
from functools import cache
from types import ModuleType

import pytest
import torch

# torchvision's wheels are built against one CUDA build of torch. Beside the CPU build its own operators do
# not load, and its import fails on these two unless someone has declared them.
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@cache
def oracle(name: str) -> ModuleType:
    """Import a module of an oracle, or skip the test where that is not installed."""
    package = name.split(".")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install --no-deps -r tests/oracles.txt")
    declare_operators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


@cache
def declare_operators() -> torch.library.Library:
    """Declare what torchvision misses; the library must live as long as the process."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in OPERATORS:
        if not hasattr(torch.ops.torchvision, operator.split("(")[0]):
            library.define(operator)
    return library
