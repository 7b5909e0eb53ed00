"""The optimizers, from torch.optim where it has them, and which weights decay. Formulas: docs/optimizers.md.

The fused ones are three to five times as fast on a CPU. They assume that a gradient has the memory layout of its
parameter, which autograd ensures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from striate.errors import UsageError
from striate.learning.muon import Muon, is_filter

Group = dict[str, Any]


@dataclass(frozen=True)
class Hyper:
    """An optimizer's hyperparameters; Adam and AdamW take `momentum` as beta 1, Adagrad and Adadelta ignore it."""

    lr: float
    momentum: float
    weight_decay: float


class Rates(NamedTuple):
    """The usual peak learning rates at batch 128: of networks with norms, and without them of few or many layers."""

    norms: float
    few: float
    many: float


@dataclass(frozen=True, kw_only=True)
class Method:
    """How an optimizer is made, and its usual hyperparameters.

    The learning rate grows as the batch size to the `power`; `momentum` is None where the rule has none.
    """

    make: Callable[[list[Group], Hyper], torch.optim.Optimizer]
    rates: Rates
    power: float
    momentum: float | None
    weight_decay: float = 0.0


def _sgd(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=hyper.lr, momentum=hyper.momentum, fused=True)


def _nesterov(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    # Without momentum Nesterov's step is plain gradient descent, and torch refuses nesterov=True.
    return torch.optim.SGD(
        groups, lr=hyper.lr, momentum=hyper.momentum, nesterov=hyper.momentum > 0, fused=True
    )


def _adagrad(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    on_processor = all(p.device.type == "cpu" for group in groups for p in group["params"])
    return torch.optim.Adagrad(groups, lr=hyper.lr, fused=on_processor)


def _rmsprop(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(groups, lr=hyper.lr, alpha=0.9, momentum=hyper.momentum)


def _adadelta(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    return torch.optim.Adadelta(groups, lr=hyper.lr, rho=0.95)


def _adam(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr=hyper.lr, betas=(hyper.momentum, 0.999), fused=True)


def _adamw(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=hyper.lr, betas=(hyper.momentum, 0.999), fused=True)


def _muon(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    return Muon(groups, lr=hyper.lr, momentum=hyper.momentum)


# Name -> how it is made and its usual settings. The learning rate is proportional to the batch size for SGD (Goyal et
# al. 2017, arXiv 1706.02677), and to its square root where a step is divided by the size of the gradients (Malladi et
# al. 2022, arXiv 2205.10287).
OPTIMIZERS: Mapping[str, Method] = {
    "sgd": Method(make=_sgd, rates=Rates(1.0, 0.5, 0.1), power=1, momentum=0.0, weight_decay=5e-4),
    "momentum": Method(make=_sgd, rates=Rates(0.1, 0.05, 0.01), power=1, momentum=0.9, weight_decay=5e-4),
    "nesterov": Method(
        make=_nesterov, rates=Rates(0.1, 0.05, 0.01), power=1, momentum=0.9, weight_decay=5e-4
    ),
    "adagrad": Method(make=_adagrad, rates=Rates(0.03, 0.03, 0.01), power=0.5, momentum=None),
    "rmsprop": Method(make=_rmsprop, rates=Rates(0.003, 0.003, 0.001), power=0.5, momentum=0.0),
    "adadelta": Method(make=_adadelta, rates=Rates(1.0, 1.0, 1.0), power=0.5, momentum=None),
    "adam": Method(make=_adam, rates=Rates(0.005, 0.005, 0.002), power=0.5, momentum=0.9),
    "adamw": Method(
        make=_adamw, rates=Rates(0.002, 0.002, 0.002), power=0.5, momentum=0.9, weight_decay=0.05
    ),
    "muon": Method(make=_muon, rates=Rates(0.02, 0.02, 0.005), power=0.5, momentum=0.95, weight_decay=0.05),
}


def make_optimizer(name: str, model: nn.Module, hyper: Hyper) -> torch.optim.Optimizer:
    """Return an optimizer of a model's trainable parameters; norms and biases (one axis) get no weight decay."""
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": hyper.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return OPTIMIZERS[name].make([group for group in groups if group["params"]], hyper)


def refuse_without_filters(name: str, model: nn.Module, *, net: str) -> None:
    """Raise UsageError for Muon on a network without trainable convolutions, where it would be AdamW alone."""
    if name == "muon" and not any(p.requires_grad and is_filter(p) for p in model.parameters()):
        raise UsageError(f"muon is for the filters of convolutions, and {net} has none. Take adamw.")
