"""striate: the workbench for convolutional networks on PyTorch.

Names are imported on first use, so that `import striate` costs milliseconds and never imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from striate.errors import DataError as DataError
    from striate.errors import StriateError as StriateError
    from striate.errors import UsageError as UsageError
    from striate.nets.pretrained import build as build

__version__ = "0.1.0"

# Public name -> the module that defines it.
_HOMES = {
    "DataError": "striate.errors",
    "StriateError": "striate.errors",
    "UsageError": "striate.errors",
    "build": "striate.nets.pretrained",
}

__all__ = ["__version__", *_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'striate' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
