"""A network that is yet to be made: its name, the pictures it takes and the head it ends in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import nn

from striate.nets.heads.vector import Input, Vector


class Head(Protocol):
    """How a network ends."""

    @property
    def wanted(self) -> str:
        """What the numbers of the shape are, for an error."""

    def make(self, net: str, *, input: Input, width: int) -> nn.Module:
        """Return a network with fresh weights for pictures of `input` (C, H, W)."""

    def outputs(self, batch: int, *, input: Input, width: int) -> tuple[int, ...]:
        """Return the shape of what the network returns for a batch."""

    def parameters(self, net: str, *, input: Input, width: int) -> frozenset[str]:
        """Return the names of the parameters of the head alone."""


# The name by which a task asks for a head -> the head.
HEADS: Mapping[str, Head] = {"vector": Vector()}


@dataclass(frozen=True)
class Blueprint:
    """What a recipe calls its network, the shape (C, H, W) of a picture, the name of the head, and its width."""

    net: str
    input: Input
    head: str
    width: int

    def make(self, *, seed: int | None = None) -> nn.Module:
        """Return the network with fresh weights, drawn from a seed or from torch's random numbers as they stand.

        Raises UsageError for a name that is not in the catalogue, a spec that cannot be read or does not fit, and
        code that makes no network, DataError for code that is not trusted here.
        """
        if seed is not None:
            torch.manual_seed(seed)
        return HEADS[self.head].make(self.net, input=self.input, width=self.width)

    def outputs(self, batch: int) -> tuple[int, ...]:
        """Return the shape of what the network returns for a batch."""
        return HEADS[self.head].outputs(batch, input=self.input, width=self.width)

    @property
    def wanted(self) -> str:
        """What its outputs are, for an error."""
        return HEADS[self.head].wanted

    @cached_property
    def head_parameters(self) -> frozenset[str]:
        """The names of the parameters of the head alone, by which fine-tuning begins."""
        return HEADS[self.head].parameters(self.net, input=self.input, width=self.width)
