"""Making the network that a recipe names: by a name of the catalogue, a spec or kept code, with the head it ends in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import nn

from striate.declared import at_least
from striate.errors import UsageError, unknown
from striate.nets.catalog.catalog import CATALOG
from striate.nets.heads.vector import Make, Vector
from striate.nets.own_code import is_kept, make_kept
from striate.spec import build as build_spec
from striate.spec import is_spec


class Head(Protocol):
    """How a network ends; `make` makes the network with so many outputs, `width` is how many there are."""

    @property
    def wanted(self) -> str:
        """What the outputs are, for an error."""

    def finish(self, make: Make, width: int) -> nn.Module:
        """Return the network, with fresh weights and this head."""

    def outputs(self, batch: int, width: int) -> tuple[int, ...]:
        """Return the shape of what the network returns for a batch."""

    def parameters(self, make: Make, width: int) -> frozenset[str]:
        """Return the names of the parameters of the head alone."""


# The name by which a task asks for a head -> the head.
HEADS: Mapping[str, Head] = {"vector": Vector()}


@dataclass(frozen=True)
class Blueprint:
    """What a recipe calls its network, the shape (C, H, W) of a picture, the name of the head, and its width."""

    net: str
    input: tuple[int, int, int]
    head: str
    width: int

    def make(self, *, seed: int | None = None) -> nn.Module:
        """Return the network with fresh weights, drawn from a seed or from torch's random numbers as they stand.

        Raises UsageError for a name that is not in the catalogue, a spec that cannot be read or does not fit, and
        code that makes no network, DataError for code that is not trusted here.
        """
        if seed is not None:
            torch.manual_seed(seed)
        return HEADS[self.head].finish(self._of_width, self.width)

    def outputs(self, batch: int) -> tuple[int, ...]:
        """Return the shape of what the network returns for a batch."""
        return HEADS[self.head].outputs(batch, self.width)

    @property
    def wanted(self) -> str:
        """What its outputs are, for an error."""
        return HEADS[self.head].wanted

    @cached_property
    def head_parameters(self) -> frozenset[str]:
        """The names of the parameters of the head alone, by which fine-tuning begins."""
        return HEADS[self.head].parameters(self._of_width, self.width)

    def _of_width(self, width: int) -> nn.Module:
        return make_network(self.net, input=self.input, num_classes=width)


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
    classes = entry.num_classes if num_classes is None else at_least("num_classes", num_classes, 1)
    channels = entry.input[0] if in_channels is None else at_least("in_channels", in_channels, 1)
    return entry.make(classes, in_channels=channels, **entry.settings)
