"""Liu, Mao, Wu, Feichtenhofer, Darrell, Xie, "A ConvNet for the 2020s", 2022.

https://arxiv.org/abs/2201.03545, table 9 and figure 4.

A ResNet modernised step by step, until it is as accurate as a vision transformer.

Departures: none.
"""

import torch
from torch import Tensor, nn

from striate.layers.stochastic_depth import StochasticDepth

# Table 9, ConvNeXt-T: maps and blocks of each stage.
TABLE_9 = ((96, 3), (192, 3), (384, 9), (768, 3))
BLOCKS = sum(count for _, count in TABLE_9)


class Permute(nn.Module):
    """Put the axes in another order."""

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        """Return a view with the axes in `order`."""
        return x.permute(self.order)


class LayerNorm2d(nn.LayerNorm):
    """A layer norm over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Figure 4, right: depthwise 7x7, layer norm, 1x1 up, GELU, 1x1 down, scaled and added to the input."""

    def __init__(self, channels: int, *, drop: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels),
            Permute(0, 2, 3, 1),
            nn.LayerNorm(channels, eps=1e-6),
            nn.Linear(channels, 4 * channels),
            nn.GELU(),
            nn.Linear(4 * channels, channels),
            Permute(0, 3, 1, 2),
        )
        self.layer_scale = nn.Parameter(torch.full((channels, 1, 1), 1e-6))
        self.stochastic_depth = StochasticDepth(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same shape."""
        return x + self.stochastic_depth(self.layer_scale * self.block(x))


class ConvNeXtTiny(nn.Module):
    """ConvNeXt-T, with torchvision's keys: 28,589,128 parameters at 1,000 classes.

    Takes (B, in_channels, H, W), made for 224x224; any size from 32 up works, since the last map is averaged.
    In training, a block is dropped with a probability that rises with depth to `drop`. Weights start from
    N(0, 0.02) cut off at +-2, biases at 0 (appendix A.1).
    """

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3, drop: float = 0.1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, done = in_channels, 0
        for maps, count in TABLE_9:
            layers.append(stem(channels, maps) if not layers else downsampling(channels, maps))
            drops = [drop * (done + i) / (BLOCKS - 1) for i in range(count)]
            layers.append(nn.Sequential(*(Block(maps, drop=p) for p in drops)))
            channels, done = maps, done + count
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            LayerNorm2d(channels, eps=1e-6), nn.Flatten(1), nn.Linear(channels, num_classes)
        )
        self.apply(init)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.features(x)  # (B, 768, 7, 7)
        x = self.avgpool(x)  # (B, 768, 1, 1)
        return self.classifier(x)


def stem(in_channels: int, channels: int) -> nn.Sequential:
    """Return the embedding of patches of 4x4 pixels: (B, C, 224, 224) -> (B, 96, 56, 56)."""
    return nn.Sequential(nn.Conv2d(in_channels, channels, 4, stride=4), LayerNorm2d(channels, eps=1e-6))


def downsampling(in_channels: int, channels: int) -> nn.Sequential:
    """Return the layer between stages, which halves the map."""
    return nn.Sequential(LayerNorm2d(in_channels, eps=1e-6), nn.Conv2d(in_channels, channels, 2, stride=2))


def init(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02), cut off at +-2, and zero the biases."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
