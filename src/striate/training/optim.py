"""The optimizers, from torch.optim, and which weights decay."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

Group = dict[str, Any]


@dataclass(frozen=True)
class Hyper:
    """What an optimizer is told: `momentum` is beta 1 for AdamW."""

    lr: float
    momentum: float
    weight_decay: float


def _sgd(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=hyper.lr, momentum=hyper.momentum)


def _nesterov(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=hyper.lr, momentum=hyper.momentum, nesterov=True)


def _adamw(groups: list[Group], hyper: Hyper) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=hyper.lr, betas=(hyper.momentum, 0.999), fused=True)


# Name -> how it is made. Weight decay stands in the groups.
OPTIMIZERS: Mapping[str, Callable[[list[Group], Hyper], torch.optim.Optimizer]] = {
    "sgd": _sgd,
    "nesterov": _nesterov,
    "adamw": _adamw,
}


def make_optimizer(name: str, model: nn.Module, hyper: Hyper) -> torch.optim.Optimizer:
    """Return the optimizer of a model's trainable parameters; norms and biases (one axis) do not decay."""
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": hyper.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return OPTIMIZERS[name]([group for group in groups if group["params"]], hyper)
