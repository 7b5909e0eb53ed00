"""He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual Networks", 2016.

https://arxiv.org/abs/1603.05027, figure 1(b) and 4(e), table 2; the authors' code for the units' shapes:
https://github.com/KaimingHe/resnet-1k-layers.

Norm and ReLU before each convolution leave the shortcut a clean identity, so that a thousand layers train.

Departures: none known. Where a unit changes the shape, its first norm and ReLU serve both ways, as in the
authors' code; the 110-layer network, which that code lacks, pads its shortcuts as its post-activated twin
does.
"""

from torch import Tensor, nn

from striate.errors import unknown
from striate.layers.he import he_init
from striate.layers.shortcut import PaddedShortcut
from striate.nets.papers.resnet import stage


class PreActBasic(nn.Module):
    """Figure 4(e): norm, ReLU, 3x3, norm, ReLU, 3x3, added to the unit's own input."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        same = in_channels == channels and stride == 1
        self.downsample = None if same else PaddedShortcut(in_channels, channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, channels, H / stride, W / stride)."""
        y = self.relu(self.bn1(x))
        around = self.downsample(y) if self.downsample else x
        y = self.conv1(y)
        y = self.conv2(self.relu(self.bn2(y)))
        return y + around


class PreActBottleneck(nn.Module):
    """The same with 1x1, 3x3 and 1x1; a 1x1 convolution is the shortcut where the shape changes."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        same = in_channels == 4 * channels and stride == 1
        self.downsample = None if same else nn.Conv2d(in_channels, 4 * channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, 4 * channels, H / stride, W / stride)."""
        y = self.relu(self.bn1(x))
        around = self.downsample(y) if self.downsample else x
        y = self.conv1(y)
        y = self.conv2(self.relu(self.bn2(y)))
        y = self.conv3(self.relu(self.bn3(y)))
        return y + around


# Tables 2 and 3: layers -> the unit, and how many of it each of the three stages has.
TABLE_2: dict[int, tuple[type[PreActBasic] | type[PreActBottleneck], int]] = {
    110: (PreActBasic, 18),
    164: (PreActBottleneck, 18),
    1001: (PreActBottleneck, 111),
}


class PreResNet(nn.Module):
    """Pre-activation ResNet-110, 164 or 1001 for small images.

    Takes (B, in_channels, H, W), made for 32x32; any size from 8 up works, since the last map is averaged.
    He initialisation.
    """

    def __init__(self, num_classes: int = 10, *, depth: int = 164, in_channels: int = 3) -> None:
        super().__init__()
        if depth not in TABLE_2:
            raise unknown("pre-activation ResNet depth", str(depth), map(str, TABLE_2))
        unit, n = TABLE_2[depth]
        e = unit.expansion
        self.conv1 = nn.Conv2d(in_channels, 16, 3, 1, 1, bias=False)
        self.layer1 = stage(unit, 16, 16, count=n, stride=1, expansion=e)
        self.layer2 = stage(unit, 16 * e, 32, count=n, stride=2, expansion=e)
        self.layer3 = stage(unit, 32 * e, 64, count=n, stride=2, expansion=e)
        self.bn = nn.BatchNorm2d(64 * e)
        self.relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64 * e, num_classes)
        self.apply(he_init)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, 64 * expansion, 8, 8)."""
        x = self.conv1(x)  # (B, 16, 32, 32)
        x = self.layer1(x)  # (B, 16 * expansion, 32, 32)
        x = self.layer2(x)  # (B, 32 * expansion, 16, 16)
        x = self.layer3(x)  # (B, 64 * expansion, 8, 8)
        return self.relu(self.bn(x))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, num_classes)."""
        x = self.avgpool(self.features(x)).flatten(1)  # (B, 64 * expansion)
        return self.fc(x)
