"""A row of numbers a picture, (B, width): how every network of the catalogue ends."""

from collections.abc import Callable

import torch
from torch import nn

from striate.errors import UsageError

# Makes a network, with fresh weights, that has so many outputs.
Make = Callable[[int], nn.Module]


class Vector:
    """The head of a network that answers a picture with `width` numbers."""

    wanted = "a number for each class, label or target"

    def finish(self, make: Make, width: int) -> nn.Module:
        """Return the network with this head."""
        return make(width)

    def outputs(self, batch: int, width: int) -> tuple[int, ...]:
        """Return the shape of what the network returns for a batch."""
        return batch, width

    def parameters(self, make: Make, width: int) -> frozenset[str]:
        """Return the names of the parameters of a network's head: those whose shapes depend on the width.

        Where none do, as in a spec that gives its last width as a number or code that does not take `num_classes`, the
        head is the last layer with parameters.
        """
        own = _shapes(make, width)
        try:
            wider = _shapes(make, width + 1)
        except UsageError:
            wider = own
        head = frozenset(name for name, shape in own.items() if shape != wider[name])
        last = list(own)[-1].rpartition(".")[0] if own else ""
        return head or frozenset(name for name in own if name.rpartition(".")[0] == last)


def _shapes(make: Make, width: int) -> dict[str, torch.Size]:
    """Return the shapes of a network's parameters, on the meta device unless its code looks at their values."""
    try:
        with torch.device("meta"):
            model = make(width)
    except (RuntimeError, NotImplementedError):
        model = make(width)
    return {name: p.shape for name, p in model.named_parameters()}
