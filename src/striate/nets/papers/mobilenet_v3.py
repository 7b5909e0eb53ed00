"""Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu and others, "Searching for MobileNetV3", 2019.

https://arxiv.org/abs/1905.02244, table 2 and figure 4.

MobileNetV2's block with squeeze-and-excitation and a cheap swish, its sizes found by a search.

Departures: none. Squeezed maps are a quarter of the expanded ones, rounded to a multiple of 8.
"""

from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from striate.layers.conv_norm import conv_norm
from striate.layers.he import he_init
from striate.layers.squeeze_excitation import SqueezeExcitation


class Row(NamedTuple):
    """A row of table 2: exp size, #out, SE, NL, s, and the kernel of the bneck."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    activation: type[nn.ReLU] | type[nn.Hardswish]
    stride: int


# Table 2, the bneck rows.
TABLE_2 = (
    Row(3, 16, 16, True, nn.ReLU, 2),
    Row(3, 72, 24, False, nn.ReLU, 2),
    Row(3, 88, 24, False, nn.ReLU, 1),
    Row(5, 96, 40, True, nn.Hardswish, 2),
    Row(5, 240, 40, True, nn.Hardswish, 1),
    Row(5, 240, 40, True, nn.Hardswish, 1),
    Row(5, 120, 48, True, nn.Hardswish, 1),
    Row(5, 144, 48, True, nn.Hardswish, 1),
    Row(5, 288, 96, True, nn.Hardswish, 2),
    Row(5, 576, 96, True, nn.Hardswish, 1),
    Row(5, 576, 96, True, nn.Hardswish, 1),
)

conv = partial(conv_norm, norm=partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))


class Bneck(nn.Module):
    """Figure 4: 1x1 up, depthwise, squeeze-and-excitation where the row says so, 1x1 down."""

    def __init__(self, in_channels: int, row: Row) -> None:
        super().__init__()
        wide, nl = row.expanded, row.activation
        self.residual = row.stride == 1 and in_channels == row.out
        layers: list[nn.Module] = [conv(in_channels, wide, activation=nl)] if wide != in_channels else []
        layers.append(conv(wide, wide, kernel_size=row.kernel, stride=row.stride, groups=wide, activation=nl))
        if row.squeeze:
            layers.append(SqueezeExcitation(wide, a_quarter_of(wide), gate=nn.Hardsigmoid))
        layers.append(conv(wide, row.out))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, row.out, H / stride, W / stride)."""
        return x + self.block(x) if self.residual else self.block(x)


class MobileNetV3Small(nn.Module):
    """MobileNetV3-Small at width 1, with torchvision's keys: 2,542,856 parameters at 1,000 classes.

    Takes (B, in_channels, H, W), made for 224x224; any size from 32 up works, since the last map is averaged.
    He initialisation, linear layers from N(0, 0.01), as in torchvision.
    """

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(in_channels, 16, kernel_size=3, stride=2, activation=nn.Hardswish)]
        channels = 16
        for row in TABLE_2:
            layers.append(Bneck(channels, row))
            channels = row.out
        self.features = nn.Sequential(*layers, conv(channels, 576, activation=nn.Hardswish))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(576, 1024), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1024, num_classes)
        )
        self.apply(he_init)
        self.classifier.apply(init)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.features(x)  # (B, 576, 7, 7)
        x = self.avgpool(x).flatten(1)  # (B, 576)
        return self.classifier(x)


def a_quarter_of(channels: int) -> int:
    """Return the multiple of 8 nearest to a quarter of `channels`, but not more than a tenth below it."""
    quarter = channels // 4
    nearest = max(8, (quarter + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * quarter else nearest


def init(module: nn.Module) -> None:
    """Draw a linear layer's weights from N(0, 0.01) and zero its biases."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
