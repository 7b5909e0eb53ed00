"""From what a recipe calls its network, a name of the catalogue or a spec, to a module."""

import torch
from torch import nn

from striate.errors import UsageError, unknown
from striate.nets.build import build
from striate.nets.catalog import CATALOG
from striate.spec import build as build_spec
from striate.spec import is_spec


def check_name(net: str) -> None:
    """Raise UsageError for what is neither a name of the catalogue nor looks like a spec."""
    if net not in CATALOG and not is_spec(net):
        raise unknown("network", net, CATALOG)


def make_network(net: str, *, input: tuple[int, ...], num_classes: int | None = None) -> nn.Module:
    """Return a network with fresh weights for pictures of `input` (C, H, W).

    Without `num_classes` it has as many as its paper, or as the spec says. Raises UsageError for a name that is
    not in the catalogue, or a spec that cannot be read or does not fit.
    """
    if is_spec(net):
        return build_spec(net, input=input, num_classes=num_classes)
    return build(net, num_classes=num_classes, in_channels=input[0])


def head_of(net: str, *, input: tuple[int, ...], num_classes: int) -> frozenset[str]:
    """Return the names of the parameters that a network has for its classes: those that one more class would widen.

    A spec that says its width in numbers cannot have one more; its head is the last layer with parameters.
    """
    with torch.device("meta"):
        model = make_network(net, input=input, num_classes=num_classes)
        try:
            wider = make_network(net, input=input, num_classes=num_classes + 1)
        except UsageError:
            names = [name for name, _ in model.named_parameters()]
            last = names[-1].rpartition(".")[0] if names else ""
            return frozenset(name for name in names if name.rpartition(".")[0] == last)
    shapes = {name: p.shape for name, p in wider.named_parameters()}
    return frozenset(name for name, p in model.named_parameters() if p.shape != shapes[name])
