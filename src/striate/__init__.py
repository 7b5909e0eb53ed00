"""striate: the workbench for convolutional networks on PyTorch.

Names are imported on first use, so that `import striate` costs milliseconds and never imports torch.
"""

from typing import TYPE_CHECKING

from striate.interrupt import import_whole
from striate.moved import follow_moves

if TYPE_CHECKING:
    from striate.arithmetic.field import Field as Field
    from striate.arithmetic.fix import fixes as fixes
    from striate.arithmetic.window import Window as Window
    from striate.data.audit.audit import Audit as Audit
    from striate.data.audit.check import Check as Check
    from striate.data.audit.check import check as check
    from striate.data.augment.augment import Augment as Augment
    from striate.data.augment.mix import Mix as Mix
    from striate.data.sampling import balanced as balanced
    from striate.errors import DataError as DataError
    from striate.errors import StriateError as StriateError
    from striate.errors import UsageError as UsageError
    from striate.host.launch import launch as launch
    from striate.host.launch import rank as rank
    from striate.learning.rule import LearningRule as LearningRule
    from striate.nets.catalog.catalog import CATALOG as CATALOG
    from striate.nets.catalog.entry import Entry as Entry
    from striate.nets.contract import check_network as check_network
    from striate.nets.papers.convolutional import to_fully_convolutional as to_fully_convolutional
    from striate.nets.weights.pretrained import build as build
    from striate.pictures.preprocess import Preprocess as Preprocess
    from striate.preparing.forecast import Forecast as Forecast
    from striate.preparing.forecast import dry_run as dry_run
    from striate.preparing.prepare import prepare as prepare
    from striate.preparing.prepared import Prepared as Prepared
    from striate.preparing.settings import Settings as Settings
    from striate.progress import Progress as Progress
    from striate.progress import Silent as Silent
    from striate.report.audit_page import write_audit_page as write_audit_page
    from striate.report.audit_text import audit_text as audit_text
    from striate.report.report import write_report as write_report
    from striate.runs.history.comparison import compare_runs as compare_runs
    from striate.runs.history.listing import list_runs as list_runs
    from striate.runs.history.single import show_run as show_run
    from striate.runs.history.view import View as View
    from striate.runs.network import find_network as find_network
    from striate.runs.network import load_module as load_module
    from striate.runs.run import Run as Run
    from striate.runs.run import open_run as open_run
    from striate.runs.run import trust as trust
    from striate.ship.script.script import eject as eject
    from striate.sources.arrays.arrays import ArrayPictures as ArrayPictures
    from striate.sources.source import Pictures as Pictures
    from striate.sources.source import Source as Source
    from striate.tasks.classification import ClassScores as ClassScores
    from striate.tasks.multi_label import LabelScores as LabelScores
    from striate.tasks.regression import TargetScores as TargetScores
    from striate.tasks.task import Estimate as Estimate
    from striate.tasks.task import Guess as Guess
    from striate.tasks.task import Scores as Scores
    from striate.tracing.summary import Summary as Summary
    from striate.tracing.summary import summary as summary
    from striate.trials.descent import Descent as Descent
    from striate.trials.descent import descend as descend
    from striate.trials.lanes import Race as Race
    from striate.trials.race import race as race
    from striate.trials.rate_test import RateTest as RateTest
    from striate.trials.rate_test import find_lr as find_lr
    from striate.workbench.train import resume as resume
    from striate.workbench.train import train as train

__version__ = "0.1.0"

# Public name -> the module that defines it.
_HOMES = {
    "Source": "striate.sources.source",
    "Pictures": "striate.sources.source",
    "ArrayPictures": "striate.sources.arrays.arrays",
    "Preprocess": "striate.pictures.preprocess",
    "Progress": "striate.progress",
    "Silent": "striate.progress",
    "Mix": "striate.data.augment.mix",
    "balanced": "striate.data.sampling",
    "prepare": "striate.preparing.prepare",
    "Prepared": "striate.preparing.prepared",
    "Scores": "striate.tasks.task",
    "ClassScores": "striate.tasks.classification",
    "LabelScores": "striate.tasks.multi_label",
    "TargetScores": "striate.tasks.regression",
    "Guess": "striate.tasks.task",
    "Estimate": "striate.tasks.task",
    "LearningRule": "striate.learning.rule",
    "to_fully_convolutional": "striate.nets.papers.convolutional",
    "Audit": "striate.data.audit.audit",
    "Augment": "striate.data.augment.augment",
    "CATALOG": "striate.nets.catalog.catalog",
    "Check": "striate.data.audit.check",
    "DataError": "striate.errors",
    "Run": "striate.runs.run",
    "Settings": "striate.preparing.settings",
    "StriateError": "striate.errors",
    "UsageError": "striate.errors",
    "audit_text": "striate.report.audit_text",
    "build": "striate.nets.weights.pretrained",
    "Forecast": "striate.preparing.forecast",
    "dry_run": "striate.preparing.forecast",
    "eject": "striate.ship.script.script",
    "check": "striate.data.audit.check",
    "open_run": "striate.runs.run",
    "resume": "striate.workbench.train",
    "train": "striate.workbench.train",
    "trust": "striate.runs.run",
    "Descent": "striate.trials.descent",
    "descend": "striate.trials.descent",
    "Race": "striate.trials.lanes",
    "RateTest": "striate.trials.rate_test",
    "find_lr": "striate.trials.rate_test",
    "race": "striate.trials.race",
    "write_audit_page": "striate.report.audit_page",
    "write_report": "striate.report.report",
    "View": "striate.runs.history.view",
    "compare_runs": "striate.runs.history.comparison",
    "list_runs": "striate.runs.history.listing",
    "show_run": "striate.runs.history.single",
    "Field": "striate.arithmetic.field",
    "Window": "striate.arithmetic.window",
    "fixes": "striate.arithmetic.fix",
    "Summary": "striate.tracing.summary",
    "find_network": "striate.runs.network",
    "load_module": "striate.runs.network",
    "launch": "striate.host.launch",
    "rank": "striate.host.launch",
    "summary": "striate.tracing.summary",
    "Entry": "striate.nets.catalog.entry",
    "check_network": "striate.nets.contract",
}

follow_moves()

__all__ = ["__version__", *_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'striate' has no attribute '{name}'")
    value = getattr(import_whole(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
