"""Builds a spec as an nn.Sequential of ordinary modules."""

from torch import nn

from striate.layers import DenseLayer, Residual
from striate.spec.module import Module, Shape
from striate.spec.plan import plan


def build(text: str, *, input: Shape = (3, 32, 32), num_classes: int | None = None) -> nn.Sequential:
    """Build the network of a spec for pictures of shape `input` (C, H, W), with torch's own initial weights.

    `num_classes` is the width of `fc-classes`; when given, the network must end in that many outputs. Under
    `torch.device("meta")` no weights are allocated. Raises a UsageError that points at what is wrong.
    """
    return _sequence(plan(text, input=input, num_classes=num_classes))


def _sequence(modules: tuple[Module, ...]) -> nn.Sequential:
    return nn.Sequential(*map(_made, modules))


def _made(module: Module) -> nn.Module:
    if module.name == "Residual":
        return Residual(_sequence(module.body), _sequence(module.shortcut) if module.shortcut else None)
    if module.name == "DenseLayer":
        return DenseLayer(_sequence(module.body))
    made: nn.Module = getattr(nn, module.name)(*module.args, **dict(module.options))
    return made
