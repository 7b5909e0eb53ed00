"""A row of numbers a picture, (B, width): how every network of the catalogue ends."""

import torch
from torch import nn

from striate.errors import UsageError
from striate.nets.network import make_network

Input = tuple[int, int, int]


class Vector:
    """The head of a network that answers a picture with `width` numbers."""

    def make(self, net: str, *, input: Input, width: int) -> nn.Module:
        """Return a network with fresh weights for pictures of `input` (C, H, W); raises as `make_network` does."""
        return make_network(net, input=input, num_classes=width)

    def outputs(self, batch: int, *, input: Input, width: int) -> tuple[int, ...]:
        """Return the shape of what the network returns for a batch."""
        return batch, width

    @property
    def wanted(self) -> str:
        """What the numbers of the shape are, for an error."""
        return "a number for each class, label or target"

    def parameters(self, net: str, *, input: Input, width: int) -> frozenset[str]:
        """Return the names of the parameters of a network's head: those whose shapes depend on the width.

        Where none do, as in a spec that gives its last width as a number or code that does not take `num_classes`, the
        head is the last layer with parameters.
        """
        own = self._shapes(net, input=input, width=width)
        try:
            wider = self._shapes(net, input=input, width=width + 1)
        except UsageError:
            wider = own
        head = frozenset(name for name, shape in own.items() if shape != wider[name])
        last = list(own)[-1].rpartition(".")[0] if own else ""
        return head or frozenset(name for name in own if name.rpartition(".")[0] == last)

    def _shapes(self, net: str, *, input: Input, width: int) -> dict[str, torch.Size]:
        """Return the shapes of a network's parameters, on the meta device unless its code looks at their values."""
        try:
            with torch.device("meta"):
                model = self.make(net, input=input, width=width)
        except (RuntimeError, NotImplementedError):
            model = self.make(net, input=input, width=width)
        return {name: p.shape for name, p in model.named_parameters()}
