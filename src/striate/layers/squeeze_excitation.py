"""Hu, Shen, Sun, "Squeeze-and-Excitation Networks", 2017, figure 2. https://arxiv.org/abs/1709.01507."""

from collections.abc import Callable

from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate in 0..1 that two 1x1 convolutions compute from the means of all channels."""

    def __init__(
        self,
        channels: int,
        squeezed: int,
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        gate: Callable[[], nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = activation()
        self.scale_activation = gate()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        scale = self.activation(self.fc1(self.avgpool(x)))  # (B, squeezed, 1, 1)
        return self.scale_activation(self.fc2(scale)) * x
