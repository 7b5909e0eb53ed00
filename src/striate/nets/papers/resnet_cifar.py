"""He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015, section 4.2 and table 6.

https://arxiv.org/abs/1512.03385. Its networks for ImageNet are in resnet.py.

Thin residual networks of 6n + 2 layers for 32x32 images, with shortcuts that have no parameters.

Departures: none. (Option A's new channels are zeros behind the old ones, as in the authors' Torch code; other
code puts them on both sides, which changes the order of channels and nothing else.)
"""

from functools import partial

from torch import Tensor, nn

from striate.errors import unknown
from striate.layers.he import he_init
from striate.layers.shortcut import ShortcutKind
from striate.nets.papers.resnet import BasicBlock, stage

# Table 6: layers -> n, the blocks of each of the three stages.
TABLE_6 = {20: 3, 32: 5, 44: 7, 56: 9, 110: 18, 1202: 200}


class ResNetCIFAR(nn.Module):
    """ResNet-20, 32, 44, 56, 110 or 1202 for small images.

    Takes (B, in_channels, H, W), made for 32x32; any size from 8 up works, since the last map is averaged.
    He initialisation (section 4.2, after [13]).
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        depth: int = 20,
        in_channels: int = 3,
        shortcuts: ShortcutKind = "A",
    ) -> None:
        super().__init__()
        if depth not in TABLE_6:
            raise unknown("CIFAR ResNet depth", str(depth), map(str, TABLE_6))
        n = TABLE_6[depth]
        block = partial(BasicBlock, shortcuts=shortcuts)
        self.conv1 = nn.Conv2d(in_channels, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.layer1 = stage(block, 16, 16, count=n, stride=1)
        self.layer2 = stage(block, 16, 32, count=n, stride=2)
        self.layer3 = stage(block, 32, 64, count=n, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)
        self.apply(he_init)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, 64, 8, 8)."""
        x = self.relu(self.bn1(self.conv1(x)))  # (B, 16, 32, 32)
        x = self.layer1(x)  # (B, 16, 32, 32)
        x = self.layer2(x)  # (B, 32, 16, 16)
        return self.layer3(x)  # (B, 64, 8, 8)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, num_classes)."""
        x = self.avgpool(self.features(x)).flatten(1)  # (B, 64)
        return self.fc(x)
