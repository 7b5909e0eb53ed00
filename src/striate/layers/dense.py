"""A dense connection: the output of some layers, concatenated to their input."""

import torch
from torch import Tensor, nn


class DenseLayer(nn.Module):
    """Layers whose output is concatenated to their input along the channels, the input first.

    Source: Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks", 2016,
    equation 2, https://arxiv.org/abs/1608.06993.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Return [x, body(x)]: (B, C, H, W) -> (B, C + growth, H, W)."""
        return torch.cat((x, self.body(x)), dim=1)
