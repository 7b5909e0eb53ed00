"""Page, "How to Train Your ResNet", myrtle.ai, 2018: the residual network of nine layers for small images.

https://web.archive.org/web/2022/https://www.myrtle.ai/2018/09/24/how_to_train_your_resnet/

Three stages of convolution and pooling, residual blocks on the first and the last, one linear layer.

Departures: the pooling stands before the norm, as in Jordan's airbench (2024, https://arxiv.org/abs/2404.00498),
which halves the time of a stage; the widths are a quarter of Page's; the last map is averaged, where Page takes
its maximum.
"""

from torch import Tensor, nn

# Page's widths 64, 128, 256, 512, divided by four.
WIDTHS = (16, 32, 64, 128)


def conv_bn(in_channels: int, out_channels: int, *, pool: bool = False) -> nn.Sequential:
    """3x3 convolution, pooling where asked for, norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        *([nn.MaxPool2d(2)] if pool else []),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """x + two convolutions of x, the width unchanged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv_bn(channels, channels)
        self.conv2 = conv_bn(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x + self.conv2(self.conv1(x))


class ResNet9(nn.Module):
    """ResNet-9 on (B, in_channels, H, W), made for sides of 24 to 128; each side is halved three times."""

    def __init__(self, num_classes: int = 10, *, in_channels: int = 3) -> None:
        super().__init__()
        w1, w2, w3, w4 = WIDTHS
        self.prep = conv_bn(in_channels, w1)
        self.layer1 = nn.Sequential(conv_bn(w1, w2, pool=True), Residual(w2))
        self.layer2 = conv_bn(w2, w3, pool=True)
        self.layer3 = nn.Sequential(conv_bn(w3, w4, pool=True), Residual(w4))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(w4, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, 128, 4, 4)."""
        x = self.prep(x)  # (B, 16, 32, 32)
        x = self.layer1(x)  # (B, 32, 16, 16)
        x = self.layer2(x)  # (B, 64, 8, 8)
        return self.layer3(x)  # (B, 128, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, num_classes)."""
        x = self.pool(self.features(x)).flatten(1)  # (B, 128)
        return self.fc(x)
