"""Zagoruyko, Komodakis, "Wide Residual Networks", 2016.

https://arxiv.org/abs/1605.07146, table 1; the authors' code for the blocks' shapes:
https://github.com/szagoruyko/wide-residual-networks.

Sixteen wide layers do what a thousand thin ones do, and run faster.

Departures: none. (WRN-50-2-bottleneck for ImageNet is a ResNet of another width: see resnet.py.)
"""

from functools import partial

from torch import Tensor, nn

from striate.errors import UsageError
from striate.layers.he import he_init
from striate.nets.papers.resnet import stage


class WideBasic(nn.Module):
    """Figure 1(d): norm, ReLU, 3x3, norm, ReLU, dropout, 3x3, added to the block's input."""

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        same = in_channels == channels
        self.downsample = None if same else nn.Conv2d(in_channels, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, channels, H / stride, W / stride)."""
        y = self.relu(self.bn1(x))
        around = self.downsample(y) if self.downsample else x
        y = self.conv1(y)
        y = self.conv2(self.dropout(self.relu(self.bn2(y))))
        return y + around


# Table 1: the maps of conv2, conv3 and conv4 at k = 1; conv1 has 16 at every k.
TABLE_1 = (16, 32, 64)


class WideResNet(nn.Module):
    """WRN-`depth`-`k` for small images: `depth` = 6n + 4 layers, `k` times as wide as a plain ResNet.

    Takes (B, in_channels, H, W), made for 32x32; any size from 8 up works, since the last map is averaged.
    `dropout` is 0.3 for CIFAR and 0.4 for SVHN where the paper uses it. He initialisation.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        depth: int = 16,
        k: int = 8,
        in_channels: int = 3,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise UsageError(f"A wide ResNet has 6n + 4 layers, such as 16, 28 or 40, not {depth}.")
        n = (depth - 4) // 6
        widths = [k * maps for maps in TABLE_1]
        block = partial(WideBasic, dropout=dropout)
        self.conv1 = nn.Conv2d(in_channels, 16, 3, 1, 1, bias=False)
        self.layer1 = stage(block, 16, widths[0], count=n, stride=1)
        self.layer2 = stage(block, widths[0], widths[1], count=n, stride=2)
        self.layer3 = stage(block, widths[1], widths[2], count=n, stride=2)
        self.bn = nn.BatchNorm2d(widths[2])
        self.relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[2], num_classes)
        self.apply(he_init)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, 64 k, 8, 8)."""
        x = self.conv1(x)  # (B, 16, 32, 32)
        x = self.layer1(x)  # (B, 16 k, 32, 32)
        x = self.layer2(x)  # (B, 32 k, 16, 16)
        x = self.layer3(x)  # (B, 64 k, 8, 8)
        return self.relu(self.bn(x))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, num_classes)."""
        x = self.avgpool(self.features(x)).flatten(1)  # (B, 64 k)
        return self.fc(x)
