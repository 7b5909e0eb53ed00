"""striate: the workbench for convolutional networks on PyTorch.

Names are imported on first use, so that `import striate` costs milliseconds and never imports torch.
"""

from typing import TYPE_CHECKING

from striate.imports import import_whole

if TYPE_CHECKING:
    from striate.arithmetic.field import Field as Field
    from striate.arithmetic.fix import fixes as fixes
    from striate.arithmetic.window import Window as Window
    from striate.check_page import write_audit_page as write_audit_page
    from striate.checking import Check as Check
    from striate.checking import check as check
    from striate.data.audit import Audit as Audit
    from striate.data.augment import Augment as Augment
    from striate.ejecting.script import eject as eject
    from striate.errors import DataError as DataError
    from striate.errors import StriateError as StriateError
    from striate.errors import UsageError as UsageError
    from striate.forecast import Forecast as Forecast
    from striate.forecast import dry_run as dry_run
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
    from striate.run import trust as trust
    from striate.runs.comparison import compare_runs as compare_runs
    from striate.runs.listing import list_runs as list_runs
    from striate.runs.single import show_run as show_run
    from striate.runs.view import View as View
    from striate.tracing.summary import Summary as Summary
    from striate.tracing.summary import summary as summary
    from striate.training.choice import Settings as Settings
    from striate.training.launch import launch as launch
    from striate.training.launch import rank as rank
    from striate.trials.descent import Descent as Descent
    from striate.trials.descent import descend as descend
    from striate.trials.lanes import Race as Race
    from striate.trials.race import race as race
    from striate.trials.rate_test import RateTest as RateTest
    from striate.trials.rate_test import find_lr as find_lr
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
    "Forecast": "striate.forecast",
    "dry_run": "striate.forecast",
    "eject": "striate.ejecting.script",
    "check": "striate.checking",
    "open_run": "striate.run",
    "resume": "striate.workbench",
    "train": "striate.workbench",
    "trust": "striate.run",
    "Descent": "striate.trials.descent",
    "descend": "striate.trials.descent",
    "Race": "striate.trials.lanes",
    "RateTest": "striate.trials.rate_test",
    "find_lr": "striate.trials.rate_test",
    "race": "striate.trials.race",
    "write_audit_page": "striate.check_page",
    "write_report": "striate.look.report",
    "View": "striate.runs.view",
    "compare_runs": "striate.runs.comparison",
    "list_runs": "striate.runs.listing",
    "show_run": "striate.runs.single",
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
    value = getattr(import_whole(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
