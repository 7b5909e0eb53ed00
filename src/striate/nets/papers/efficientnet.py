"""Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019.

https://arxiv.org/abs/1905.11946, table 1.

A network found by search whose depth, width and resolution then grow together; B0 is where they start.

Departures: none in layers. Padding is symmetric, where the authors' TensorFlow pads one more on the right and
below.
"""

from torch import Tensor, nn

from striate.layers.conv_norm import conv_norm
from striate.layers.he import he_init
from striate.layers.squeeze_excitation import SqueezeExcitation
from striate.layers.stochastic_depth import StochasticDepth

# Table 1, stages 2 to 8: expansion, kernel, maps, layers, and the stride of the first of them.
TABLE_1 = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
LAYERS = sum(row[3] for row in TABLE_1)


class MBConv(nn.Module):
    """MobileNetV2's inverted residual with swish and squeeze-and-excitation to a quarter of its input."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expansion: int,
        kernel_size: int,
        stride: int,
        drop: float,
    ) -> None:
        super().__init__()
        wide = expansion * in_channels
        self.residual = stride == 1 and in_channels == out_channels
        depthwise = conv_norm(
            wide, wide, kernel_size=kernel_size, stride=stride, groups=wide, activation=nn.SiLU
        )
        self.block = nn.Sequential(
            *([conv_norm(in_channels, wide, activation=nn.SiLU)] if expansion > 1 else []),
            depthwise,
            SqueezeExcitation(wide, in_channels // 4, activation=nn.SiLU),
            conv_norm(wide, out_channels),
        )
        self.stochastic_depth = StochasticDepth(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride)."""
        return x + self.stochastic_depth(self.block(x)) if self.residual else self.block(x)


class EfficientNetB0(nn.Module):
    """EfficientNet-B0, with torchvision's keys: 5,288,548 parameters at 1,000 classes.

    Takes (B, in_channels, H, W), made for 224x224; any size from 32 up works, since the last map is averaged.
    In training, a block is dropped with a probability that rises with depth to `drop`. He initialisation,
    linear layer uniform within 1 / sqrt(num_classes), as in torchvision.
    """

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3, drop: float = 0.2) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm(in_channels, 32, kernel_size=3, stride=2, activation=nn.SiLU)]
        channels, done = 32, 0
        for expansion, kernel, maps, count, stride in TABLE_1:
            blocks = []
            for i in range(count):
                blocks.append(
                    MBConv(
                        channels,
                        maps,
                        expansion=expansion,
                        kernel_size=kernel,
                        stride=stride if i == 0 else 1,
                        drop=drop * done / LAYERS,
                    )
                )
                channels, done = maps, done + 1
            layers.append(nn.Sequential(*blocks))
        self.features = nn.Sequential(*layers, conv_norm(channels, 1280, activation=nn.SiLU))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = nn.Linear(1280, num_classes)
        self.classifier = nn.Sequential(nn.Dropout(0.2), last)
        self.apply(he_init)
        nn.init.uniform_(last.weight, -(num_classes**-0.5), num_classes**-0.5)
        nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.features(x)  # (B, 1280, 7, 7)
        x = self.avgpool(x).flatten(1)  # (B, 1280)
        return self.classifier(x)
