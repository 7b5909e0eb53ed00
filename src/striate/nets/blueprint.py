"""Builds the network that a recipe names: by a name of the catalogue, a spec, or the name of kept code."""

import torch
from torch import nn

from striate.errors import UsageError, unknown
from striate.nets.build import build
from striate.nets.catalog.catalog import CATALOG
from striate.nets.own_code import is_kept, make_kept
from striate.spec import build as build_spec
from striate.spec import is_spec


def check_name(net: str) -> None:
    """Raise UsageError for a text that is no name of the catalogue or of kept code and has not the form of a spec."""
    if ".py" in net and not is_kept(net):
        raise UsageError(
            f"'{net}' names no class in a file. Write it as net.py:Net, where Net is a class or function."
        )
    if net not in CATALOG and not is_kept(net) and not is_spec(net):
        raise unknown("network", net, CATALOG)


def make_network(net: str, *, input: tuple[int, ...], num_classes: int | None = None) -> nn.Module:
    """Return a network with fresh weights for pictures of `input` (C, H, W).

    Without `num_classes` it has as many as its paper, or as the spec says. Raises UsageError for a name that is
    not in the catalogue, a spec that cannot be read or does not fit, and code that makes no network, DataError for code
    that is not trusted here.
    """
    if is_kept(net):
        return make_kept(net, num_classes=num_classes, in_channels=input[0])
    if is_spec(net):
        return build_spec(net, input=input, num_classes=num_classes)
    return build(net, num_classes=num_classes, in_channels=input[0])


def head_of(net: str, *, input: tuple[int, ...], num_classes: int) -> frozenset[str]:
    """Return the names of the parameters of a network's head: those whose shapes depend on the number of classes.

    Where none do, as in a spec that gives its last width as a number or code that does not take `num_classes`, the head
    is the last layer with parameters.
    """
    own = _shapes(net, input=input, num_classes=num_classes)
    try:
        wider = _shapes(net, input=input, num_classes=num_classes + 1)
    except UsageError:
        wider = own
    head = frozenset(name for name, shape in own.items() if shape != wider[name])
    last = list(own)[-1].rpartition(".")[0] if own else ""
    return head or frozenset(name for name in own if name.rpartition(".")[0] == last)


def _shapes(net: str, *, input: tuple[int, ...], num_classes: int) -> dict[str, torch.Size]:
    """Return the shapes of a network's parameters, from the meta device where its constructor reads no values."""
    try:
        with torch.device("meta"):
            model = make_network(net, input=input, num_classes=num_classes)
    except (RuntimeError, NotImplementedError):
        model = make_network(net, input=input, num_classes=num_classes)
    return {name: p.shape for name, p in model.named_parameters()}
