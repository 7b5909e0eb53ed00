"""Builds the network that a recipe names: by a name of the catalogue, a spec, or the name of kept code."""

from torch import nn

from striate.errors import UsageError, unknown
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


def build(name: str, *, num_classes: int | None = None, in_channels: int | None = None) -> nn.Module:
    """Make a network of the catalogue with fresh weights; classes and channels default to the paper's.

    Raises UsageError for a name that is not in the catalogue.
    """
    if name not in CATALOG:
        raise unknown("network", name, CATALOG)
    entry = CATALOG[name]
    classes = entry.num_classes if num_classes is None else num_classes
    channels = entry.input[0] if in_channels is None else in_channels
    return entry.make(classes, in_channels=channels, **entry.settings)
