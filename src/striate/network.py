"""From what a recipe calls its network, a name of the catalogue or a spec, to a module."""

from torch import nn

from striate.nets.build import build


def make_network(net: str, *, num_classes: int, input: tuple[int, int, int]) -> nn.Module:
    """Return a network with fresh weights for images of `input` (CHW); raises UsageError for an unknown name."""
    return build(net, num_classes=num_classes, in_channels=input[0])
