"""Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.

https://arxiv.org/abs/1801.04381, tables 1 and 2, figure 4(d).

The shortcut joins the narrow maps; between them the block is wide, and its 3x3 convolution is depthwise.

Departures: none.
"""

from torch import Tensor, nn

from striate.layers.conv_norm import conv_norm
from striate.layers.he import he_init

# Table 2: expansion t, maps c, repetitions n, stride s.
TABLE_2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """Table 1: 1x1 to `expansion` times the maps, depthwise 3x3, 1x1 back without activation."""

    def __init__(self, in_channels: int, out_channels: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        inner = expansion * in_channels
        self.residual = stride == 1 and in_channels == out_channels
        depthwise = conv_norm(inner, inner, kernel_size=3, stride=stride, groups=inner, activation=nn.ReLU6)
        self.conv = nn.Sequential(
            *([conv_norm(in_channels, inner, activation=nn.ReLU6)] if expansion > 1 else []),
            depthwise,
            *conv_norm(inner, out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride)."""
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 at width 1, with torchvision's keys: 3,504,872 parameters at 1,000 classes.

    Takes (B, in_channels, H, W), made for 224x224; any size from 32 up works, since the last map is averaged.
    He initialisation, linear layer from N(0, 0.01), as in torchvision.
    """

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm(in_channels, 32, kernel_size=3, stride=2, activation=nn.ReLU6)]
        channels = 32
        for t, c, n, s in TABLE_2:
            for i in range(n):
                layers.append(InvertedResidual(channels, c, expansion=t, stride=s if i == 0 else 1))
                channels = c
        self.features = nn.Sequential(*layers, conv_norm(channels, 1280, activation=nn.ReLU6))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = nn.Linear(1280, num_classes)
        self.classifier = nn.Sequential(nn.Dropout(0.2), last)
        self.apply(he_init)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.features(x)  # (B, 1280, 7, 7)
        x = self.avgpool(x).flatten(1)  # (B, 1280)
        return self.classifier(x)
