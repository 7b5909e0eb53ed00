"""Xie, Girshick, Dollár, Tu, He, "Aggregated Residual Transformations for Deep Neural Networks", 2016.

https://arxiv.org/abs/1611.05431, table 1 and section 5.2; the authors' code:
https://github.com/facebookresearch/ResNeXt.

A bottleneck of many narrow paths beside each other, which is a grouped convolution: figure 3(c).

Departures: none from the authors' code. (For the arXiv paper's CIFAR numbers the blocks were pre-activated;
the authors' code and its README recommend the original order, which is built here.)
"""

from functools import partial
from itertools import chain

from torch import Tensor, nn

from striate.errors import UsageError, unknown
from striate.layers.he import he_init
from striate.layers.recompute import recompute
from striate.nets.papers.resnet import Bottleneck, stage

# Table 1 and section 5.1: the blocks of conv2, conv3, conv4 and conv5.
TABLE_1 = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


class ResNeXt(nn.Module):
    """ResNeXt-50 or 101 of `cardinality` paths, `width` maps wide in conv2, with torchvision's keys.

    Takes (B, in_channels, H, W), made for 224x224; any size from 32 up works, since the last map is averaged.
    `checkpoint=True` keeps only the blocks' inputs for the backward pass. He initialisation.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        depth: int = 50,
        cardinality: int = 32,
        width: int = 4,
        in_channels: int = 3,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        if depth not in TABLE_1:
            raise unknown("ResNeXt depth", str(depth), map(str, TABLE_1))
        counts = TABLE_1[depth]
        block = partial(Bottleneck, groups=cardinality, width=width)
        self.checkpoint = checkpoint
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = stage(block, 64, 64, count=counts[0], stride=1, expansion=4)
        self.layer2 = stage(block, 256, 128, count=counts[1], stride=2, expansion=4)
        self.layer3 = stage(block, 512, 256, count=counts[2], stride=2, expansion=4)
        self.layer4 = stage(block, 1024, 512, count=counts[3], stride=2, expansion=4)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, num_classes)
        self.apply(he_init)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, 2048, 7, 7)."""
        x = self.relu(self.bn1(self.conv1(x)))  # (B, 64, 112, 112)
        x = self.maxpool(x)  # (B, 64, 56, 56)
        for block in chain(self.layer1, self.layer2, self.layer3, self.layer4):  # 56, 28, 14, 7
            x = recompute(block, x) if self.checkpoint else block(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.avgpool(self.features(x)).flatten(1)  # (B, 2048)
        return self.fc(x)


class ResNeXtCIFAR(nn.Module):
    """ResNeXt-29 and its deeper kin for small images: `depth` = 9n + 2 layers (section 5.2).

    Takes (B, in_channels, H, W), made for 32x32; any size from 8 up works, since the last map is averaged.
    He initialisation.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        depth: int = 29,
        cardinality: int = 8,
        width: int = 64,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        if depth < 11 or (depth - 2) % 9:
            raise UsageError(f"A CIFAR ResNeXt has 9n + 2 layers, such as 29 or 38, not {depth}.")
        n = (depth - 2) // 9
        block = partial(Bottleneck, groups=cardinality, width=width)
        self.conv1 = nn.Conv2d(in_channels, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.layer1 = stage(block, 64, 64, count=n, stride=1, expansion=4)
        self.layer2 = stage(block, 256, 128, count=n, stride=2, expansion=4)
        self.layer3 = stage(block, 512, 256, count=n, stride=2, expansion=4)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(1024, num_classes)
        self.apply(he_init)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, 1024, 8, 8)."""
        x = self.relu(self.bn1(self.conv1(x)))  # (B, 64, 32, 32)
        x = self.layer1(x)  # (B, 256, 32, 32)
        x = self.layer2(x)  # (B, 512, 16, 16)
        return self.layer3(x)  # (B, 1024, 8, 8)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, num_classes)."""
        x = self.avgpool(self.features(x)).flatten(1)  # (B, 1024)
        return self.fc(x)
