"""striate: the workbench for convolutional networks on PyTorch.

Names are imported on first use, so that `import striate` costs milliseconds and never imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from striate.arithmetic.field import Field as Field
    from striate.arithmetic.fix import fixes as fixes
    from striate.arithmetic.window import Window as Window
    from striate.check_page import write_audit_page as write_audit_page
    from striate.checking import Check as Check
    from striate.checking import check as check
    from striate.data.audit import Audit as Audit
    from striate.data.augment import Augment as Augment
    from striate.errors import DataError as DataError
    from striate.errors import StriateError as StriateError
    from striate.errors import UsageError as UsageError
    from striate.look.audit_text import audit_text as audit_text
    from striate.look.report import write_report as write_report
    from striate.nets.catalog import CATALOG as CATALOG
    from striate.nets.contract import check_network as check_network
    from striate.nets.entry import Entry as Entry
    from striate.nets.pretrained import build as build
    from striate.resolve import find_network as find_network
    from striate.resolve import load_module as load_module
    from striate.run import Run as Run
    from striate.run import open_run as open_run
    from striate.tracing.summary import Summary as Summary
    from striate.tracing.summary import summary as summary
    from striate.training.choice import Settings as Settings
    from striate.training.launch import launch as launch
    from striate.training.launch import rank as rank
    from striate.workbench import resume as resume
    from striate.workbench import train as train

__version__ = "0.1.0"

# Public name -> the module that defines it.
_HOMES = {
    "Audit": "striate.data.audit",
    "Augment": "striate.data.augment",
    "CATALOG": "striate.nets.catalog",
    "Check": "striate.checking",
    "DataError": "striate.errors",
    "Run": "striate.run",
    "Settings": "striate.training.choice",
    "StriateError": "striate.errors",
    "UsageError": "striate.errors",
    "audit_text": "striate.look.audit_text",
    "build": "striate.nets.pretrained",
    "check": "striate.checking",
    "open_run": "striate.run",
    "resume": "striate.workbench",
    "train": "striate.workbench",
    "write_audit_page": "striate.check_page",
    "write_report": "striate.look.report",
    "Field": "striate.arithmetic.field",
    "Window": "striate.arithmetic.window",
    "fixes": "striate.arithmetic.fix",
    "Summary": "striate.tracing.summary",
    "find_network": "striate.resolve",
    "load_module": "striate.resolve",
    "launch": "striate.training.launch",
    "rank": "striate.training.launch",
    "summary": "striate.tracing.summary",
    "Entry": "striate.nets.entry",
    "check_network": "striate.nets.contract",
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
