"""The layer language: `conv3-64 relu maxpool2 fc-10` read, checked, built and printed (docs/spec.md).

`build` is imported on first use, since it alone needs torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from striate.spec.grammar import is_spec as is_spec
from striate.spec.grammar import parse as parse
from striate.spec.source import to_python as to_python
from striate.spec.tree import notation as format

if TYPE_CHECKING:
    from striate.spec.builder import build as build

__all__ = ["build", "format", "is_spec", "parse", "to_python"]


def __getattr__(name: str) -> object:
    if name != "build":
        raise AttributeError(f"module 'striate.spec' has no attribute '{name}'")
    return import_module("striate.spec.builder").build
