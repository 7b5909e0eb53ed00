"""He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015.

https://arxiv.org/abs/1512.03385, table 1 and figure 5. Its networks for CIFAR are in resnet_cifar.py.

A block learns what to add to its input, so that a hundred layers train as well as twenty.

Departures: none with `strided="1x1"`. With `strided="3x3"`, as torchvision and most published weights have it
("v1.5"), a bottleneck that halves the map does so in its 3x3 convolution, not in its first 1x1. `width=128`
is WRN-50-2-bottleneck of Zagoruyko, Komodakis, "Wide Residual Networks", 2016,
https://arxiv.org/abs/1605.07146.
"""

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Literal

from torch import Tensor, nn

from striate.errors import unknown
from striate.layers.he import he_init
from striate.layers.recompute import recompute
from striate.layers.shortcut import ShortcutKind, shortcut

Strided = Literal["1x1", "3x3"]


class BasicBlock(nn.Module):
    """Figure 5, left: two 3x3 convolutions and the shortcut around them."""

    expansion = 1

    def __init__(
        self, in_channels: int, channels: int, *, stride: int = 1, shortcuts: ShortcutKind = "B"
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(shortcuts, in_channels, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, channels, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + self.downsample(x))


class Bottleneck(nn.Module):
    """Figure 5, right: 1x1 to fewer maps, 3x3, 1x1 to 4 x `channels` maps, and the shortcut around them.

    The 3x3 has `groups` groups of `width` maps in the first stage, twice that in each stage after it.
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        stride: int = 1,
        shortcuts: ShortcutKind = "B",
        strided: Strided = "3x3",
        width: int = 64,
        groups: int = 1,
    ) -> None:
        super().__init__()
        inner = channels * width // 64 * groups
        first, second = (stride, 1) if strided == "1x1" else (1, stride)
        self.conv1 = nn.Conv2d(in_channels, inner, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, second, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.relu = nn.ReLU()
        self.downsample = shortcut(shortcuts, in_channels, 4 * channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, 4 * channels, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + self.downsample(x))


# Table 1: the block, and how many of it conv2_x, conv3_x, conv4_x and conv5_x have.
TABLE_1: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


class ResNet(nn.Module):
    """ResNet-18, 34, 50, 101 or 152, with torchvision's keys.

    Takes (B, in_channels, H, W), made for 224x224; any size from 32 up works, since the last map is averaged.
    `shortcuts` are options A, B and C of section 4.1. `checkpoint=True` keeps only the blocks' inputs for the
    backward pass and recomputes the rest: less memory, the same gradients. He initialisation (section
    3.4).
    """

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        depth: int = 50,
        in_channels: int = 3,
        strided: Strided = "3x3",
        shortcuts: ShortcutKind = "B",
        width: int = 64,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        if depth not in TABLE_1:
            raise unknown("ResNet depth", str(depth), map(str, TABLE_1))
        block, counts = TABLE_1[depth]
        make: Callable[..., nn.Module] = partial(block, shortcuts=shortcuts)
        if block is Bottleneck:
            make = partial(make, strided=strided, width=width)
        e = block.expansion
        self.checkpoint = checkpoint
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = stage(make, 64, 64, count=counts[0], stride=1, expansion=e)
        self.layer2 = stage(make, 64 * e, 128, count=counts[1], stride=2, expansion=e)
        self.layer3 = stage(make, 128 * e, 256, count=counts[2], stride=2, expansion=e)
        self.layer4 = stage(make, 256 * e, 512, count=counts[3], stride=2, expansion=e)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512 * e, num_classes)
        self.apply(he_init)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, 512 * expansion, 7, 7)."""
        x = self.relu(self.bn1(self.conv1(x)))  # (B, 64, 112, 112)
        x = self.maxpool(x)  # (B, 64, 56, 56)
        for block in chain(self.layer1, self.layer2, self.layer3, self.layer4):  # 56, 28, 14, 7
            x = recompute(block, x) if self.checkpoint else block(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.avgpool(self.features(x)).flatten(1)  # (B, 512 * expansion)
        return self.fc(x)


def stage(
    block: Callable[..., nn.Module],
    in_channels: int,
    channels: int,
    *,
    count: int,
    stride: int,
    expansion: int = 1,
) -> nn.Sequential:
    """Return `count` blocks, of which the first changes the map's size and its channels."""
    first = block(in_channels, channels, stride=stride)
    return nn.Sequential(first, *(block(channels * expansion, channels) for _ in range(count - 1)))
