"""torchvision, which beside torch's build for the processor imports only once two operators are declared."""

from functools import cache
from types import ModuleType

import torch

LIBRARY = torch.library.Library("torchvision", "DEF")  # declarations end with their library


@cache
def torchvision() -> ModuleType:
    """Import torchvision."""
    LIBRARY.define("nms(Tensor a, Tensor b, float c) -> Tensor")
    LIBRARY.define("qnms(Tensor a, Tensor b, float c) -> Tensor")
    import torchvision

    return torchvision
