"""One contract: every network of the catalogue against every check."""

import inspect
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

from striate.nets import CATALOG
from striate.nets.contract import CHECKS, Subject

# (network, check) -> why the check does not hold for it.
EXCEPTIONS = {
    ("madaline2", "gradients"): "Rule II needs none: its first layer ends in thresholds, which pass none",
}

# Checked in full by default: of each family the ones that are quick. The rest are marked slow, but for
# `counts`, which computes nothing.
QUICK = {
    "perceptron", "adaline", "madaline", "madaline2", "mlp", "dbn", "lenet1", "lenet4", "lenet5", "lenet5-tutorial",
    "densenet-bc100-k12", "efficientnet_lite0", "resnet9", "alexnet", "nin", "nin-imagenet",
    "googlenet", "googlenet-torchvision",
    "resnet18", "resnet50", "resnet50-v1", "resnet20", "preresnet110", "wrn-16-8", "wrn-40-4",
    "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0",
    "convnext_tiny",
}  # fmt: skip
THOUSAND_LAYERS = {"resnet1202", "preresnet1001"}
LONGEST_NETWORK_FILE = 200

# With the running statistics of no data, those before training, 600 blocks overflow in eval mode. It is checked with
# the statistics of its images.
OVERFLOWING = {"resnet1202"}


@cache
def subject(name: str) -> Subject:
    found = Subject.of(CATALOG[name])
    if name in OVERFLOWING:
        settle(found)
    return found


def settle(found: Subject) -> None:
    """Give each batch norm the statistics of the subject's images."""
    norms = [module for module in found.small.modules() if isinstance(module, nn.BatchNorm2d)]
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        found.small.train()(found.images)
    for norm, usual in zip(norms, momentum, strict=True):
        norm.momentum = usual


def cases() -> list[object]:
    found = []
    for name in CATALOG:
        for check in CHECKS:
            costs_nothing = check == "counts" and name not in THOUSAND_LAYERS
            marks = () if name in QUICK or costs_nothing else pytest.mark.slow
            found.append(pytest.param(name, check, marks=marks, id=f"{name}-{check}"))
    return found


@pytest.mark.parametrize(("name", "check"), cases())
def test_the_network_keeps_the_contract(name: str, check: str) -> None:
    if (name, check) in EXCEPTIONS:
        pytest.skip(EXCEPTIONS[name, check])
    CHECKS[check](subject(name))


@pytest.fixture(scope="module", autouse=True)
def _forget_the_networks() -> object:
    yield
    subject.cache_clear()


@pytest.mark.parametrize("name", CATALOG)
def test_the_file_is_short_and_cites_its_paper(name: str) -> None:
    entry = CATALOG[name]
    module = sys.modules[entry.make.__module__]
    text = Path(inspect.getfile(module)).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_NETWORK_FILE
    docstring = " ".join((module.__doc__ or "").replace('"', "").split())
    title = entry.paper.split(", ")[-1]
    assert title in docstring, f"{module.__name__} does not name '{title}'"
    assert not entry.url or entry.url in docstring
    assert "Departures" in docstring
    assert str(entry.year) in docstring


def test_exceptions_name_networks_and_checks_that_exist() -> None:
    assert {name for name, _ in EXCEPTIONS} <= CATALOG.keys()
    assert {check for _, check in EXCEPTIONS} <= CHECKS.keys()
    assert CATALOG.keys() >= QUICK | THOUSAND_LAYERS | OVERFLOWING
