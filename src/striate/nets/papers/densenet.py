"""Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks", CVPR 2017.

https://arxiv.org/abs/1608.06993, table 1. Memory: Pleiss et al., https://arxiv.org/abs/1707.06990.

Each layer sees the maps of all layers before it, so it needs to add only a few (the growth rate) of its own.

Departures: none in layers or counts. Weights start as in torchvision (He's normal, fan-in). With `checkpoint`
a transition averages before its 1x1 convolution, which commutes with it, and costs a quarter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, dropout, max_pool2d, relu

from striate.nets.papers.dense_block import can_recompute, norm_relu_pool, recomputing_block

# Table 1: depth -> (growth rate, maps of the stem, layers of each block). 161 is of its first version.
TABLE_1 = {
    121: (32, 64, (6, 12, 24, 16)),
    161: (48, 96, (6, 12, 36, 24)),
    169: (32, 64, (6, 12, 32, 32)),
    201: (32, 64, (6, 12, 48, 32)),
    264: (32, 64, (6, 12, 64, 48)),
}


class DenseLayer(nn.Module):
    """BN-ReLU-Conv(1x1)-BN-ReLU-Conv(3x3), or without a bottleneck BN-ReLU-Conv(3x3)."""

    def __init__(self, in_channels: int, growth_rate: int, *, bottleneck: bool, drop_rate: float) -> None:
        super().__init__()
        width = 4 * growth_rate
        self.norm1 = nn.BatchNorm2d(in_channels)
        if bottleneck:
            self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, growth_rate, 3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, growth_rate, 3, padding=1, bias=False)
        self.bottleneck = bottleneck
        self.drop_rate = drop_rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, growth_rate, H, W)."""
        x = self.conv1(relu(self.norm1(x)))
        if self.bottleneck:
            x = self.conv2(relu(self.norm2(x)))
        return dropout(x, self.drop_rate, self.training)


class DenseBlock(nn.ModuleDict):
    """Layers each of which reads the input and all that the layers before it made."""

    def __init__(self, layers: Sequence[DenseLayer], *, checkpoint: bool) -> None:
        super().__init__({f"denselayer{i}": layer for i, layer in enumerate(layers, 1)})
        self.checkpoint = checkpoint

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C + layers * growth_rate, H, W)."""
        if self.checkpoint and can_recompute(self):
            return recomputing_block(x, [layer for layer in self.values() if isinstance(layer, DenseLayer)])
        maps = [x]
        for layer in self.values():
            maps.append(layer(torch.cat(maps, 1)))
        return torch.cat(maps, 1)


class Transition(nn.Module):
    """BN-ReLU-Conv(1x1), then 2x2 average pooling: between two blocks, half the size."""

    def __init__(self, in_channels: int, out_channels: int, *, checkpoint: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.checkpoint = checkpoint

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, H // 2, W // 2)."""
        if self.checkpoint and can_recompute(self):
            return self.conv(norm_relu_pool(x, self.norm, halve))
        return halve(self.conv(relu(self.norm(x))))


class StemNorm(nn.BatchNorm2d):
    """BN-ReLU and 3x3/2 max pooling as one module, so that all of it can be recomputed."""

    def __init__(self, num_features: int, *, checkpoint: bool) -> None:
        super().__init__(num_features)
        self.checkpoint = checkpoint

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H // 2, W // 2)."""
        if self.checkpoint and can_recompute(self):
            return norm_relu_pool(x, self, shrink)
        return shrink(relu(super().forward(x)))


class DenseNet(nn.Module):
    """DenseNet for ImageNet (table 1): a 7x7/2 stem, bottleneck layers, transitions that halve the maps.

    Takes (B, in_channels, H, W) of 29x29 and larger, made for 224x224. `checkpoint=True` keeps, in training,
    little but the outputs of convolutions and recomputes the rest in the backward pass: the same result up to
    rounding, less than half the memory. The modules inside a block are then not called one by one: their hooks
    do not fire.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        in_channels: int = 3,
        depth: int = 121,
        drop_rate: float = 0.0,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        growth_rate, width, blocks = TABLE_1[depth]
        stages = Stages(growth_rate=growth_rate, bottleneck=True, drop_rate=drop_rate, checkpoint=checkpoint)
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(in_channels, width, 7, 2, 3, bias=False))
        self.features.add_module("norm0", StemNorm(width, checkpoint=checkpoint))
        width = stages.add_to(self.features, width, blocks)
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)
        self.apply(init)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes)."""
        x = relu(self.features(x))  # (B, 1024, 7, 7) for depth 121 at 224
        x = adaptive_avg_pool2d(x, 1).flatten(1)  # (B, 1024)
        return self.classifier(x)


@dataclass(frozen=True, kw_only=True)
class Stages:
    """How the blocks of a network are made, and the transitions between them."""

    growth_rate: int
    bottleneck: bool
    drop_rate: float
    checkpoint: bool

    def add_to(self, features: nn.Sequential, width: int, blocks: Sequence[int]) -> int:
        """Append denseblock1, transition1, denseblock2 ...; return how many maps come out."""
        for i, num_layers in enumerate(blocks, 1):
            widths = [width + j * self.growth_rate for j in range(num_layers)]
            features.add_module(
                f"denseblock{i}", DenseBlock([self.layer(w) for w in widths], checkpoint=self.checkpoint)
            )
            width += num_layers * self.growth_rate
            if i < len(blocks):
                kept = width // 2 if self.bottleneck else width
                features.add_module(f"transition{i}", Transition(width, kept, checkpoint=self.checkpoint))
                width = kept
        return width

    def layer(self, in_channels: int) -> DenseLayer:
        """Make one layer."""
        return DenseLayer(in_channels, self.growth_rate, bottleneck=self.bottleneck, drop_rate=self.drop_rate)


def shrink(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, H // 2, W // 2) by overlapping max pooling."""
    return max_pool2d(x, 3, 2, padding=1)


def halve(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, H // 2, W // 2) by average pooling."""
    return avg_pool2d(x, 2)


def init(module: nn.Module) -> None:
    """Draw convolutions as He et al. do; a linear layer keeps torch's weights and starts with no bias."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
    elif isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
