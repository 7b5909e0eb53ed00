"""Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan and others, "Going Deeper with Convolutions", 2014.

https://arxiv.org/abs/1409.4842, table 1, figures 2(b) and 3, section 5.

Filters of several sizes side by side, made affordable by 1x1 convolutions before them.

Departures: none with `form="paper"`. `form="torchvision"` has 3x3 filters in the place of the 5x5, batch
norms and no response norms, 2x2 in the last pooling, and 20 % dropout in the place of 40 %.
"""

from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, relu

# Table 1: of each module, #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
TABLE_1 = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}

Form = Literal["paper", "torchvision"]
Pool = partial(nn.MaxPool2d, 3, stride=2, ceil_mode=True)


class WithAuxiliary(NamedTuple):
    """What a network with auxiliary heads gives in training mode: the logits, then those of each head."""

    logits: Tensor
    aux1: Tensor
    aux2: Tensor


class ConvReLU(nn.Module):
    """A convolution and its ReLU; in torchvision's form a batch norm stands between, in place of the bias."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, form: Form
    ) -> None:
        super().__init__()
        norm = form == "torchvision"
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=not norm)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride)."""
        return relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Figure 2(b), for the name of a row of table 1."""

    def __init__(self, in_channels: int, row: str, *, form: Form) -> None:
        super().__init__()
        conv = partial(ConvReLU, form=form)
        ones, reduce3, threes, reduce5, fives, projected = TABLE_1[row]
        large = 5 if form == "paper" else 3
        self.branch1 = conv(in_channels, ones, 1)
        self.branch2 = nn.Sequential(conv(in_channels, reduce3, 1), conv(reduce3, threes, 3))
        self.branch3 = nn.Sequential(conv(in_channels, reduce5, 1), conv(reduce5, fives, large))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(in_channels, projected, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, #1x1 + #3x3 + #5x5 + pool proj, H, W)."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class AuxiliaryHead(nn.Module):
    """Section 5: pooling, 128 1x1 filters, 1,024 units, 70 % dropout, a classifier; only for training."""

    def __init__(self, in_channels: int, num_classes: int, *, form: Form) -> None:
        super().__init__()
        self.form = form
        self.conv = ConvReLU(in_channels, 128, 1, form=form)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, 14, 14) -> (B, num_classes)."""
        if self.form == "paper" and min(x.shape[2:]) >= 5:
            x = avg_pool2d(x, 5, 3)  # (B, in_channels, 4, 4)
        x = adaptive_avg_pool2d(x, 4)  # the same at 224x224; other images come to 4x4 here
        x = self.conv(x).flatten(1)  # (B, 2048)
        x = self.dropout(relu(self.fc1(x)))  # (B, 1024)
        return self.fc2(x)


class GoogLeNet(nn.Module):
    """GoogLeNet: 6,998,552 parameters at 1,000 classes, and 6,379,728 of heads used only in training.

    Takes (B, in_channels, H, W), made for 224x224; any size from 32 up works, since the last map is averaged.
    In eval mode it returns the logits, in training mode WithAuxiliary: the paper adds 0.3 times the loss of
    each auxiliary head to that of the logits. `auxiliary=False` leaves the heads out. Torchvision's keys. The
    paper states no initialisation: here Xavier with biases at 0.2, as in Caffe's replica; in torchvision's
    form its truncated N(0, 0.01).
    """

    def __init__(
        self, num_classes: int = 1000, *, in_channels: int = 3, form: Form = "paper", auxiliary: bool = True
    ) -> None:
        super().__init__()
        paper = form == "paper"
        conv = partial(ConvReLU, form=form)
        inception = partial(Inception, form=form)
        response_norm = partial(nn.LocalResponseNorm, 5, alpha=1e-4) if paper else nn.Identity
        self.conv1 = conv(in_channels, 64, 7, stride=2)
        self.maxpool1 = Pool()
        self.norm1 = response_norm()
        self.conv2 = conv(64, 64, 1)
        self.conv3 = conv(64, 192, 3)
        self.norm2 = response_norm()
        self.maxpool2 = Pool()
        self.inception3a = inception(192, "3a")
        self.inception3b = inception(256, "3b")
        self.maxpool3 = Pool()
        self.inception4a = inception(480, "4a")
        self.inception4b = inception(512, "4b")
        self.inception4c = inception(512, "4c")
        self.inception4d = inception(512, "4d")
        self.inception4e = inception(528, "4e")
        self.maxpool4 = Pool() if paper else nn.MaxPool2d(2, ceil_mode=True)
        self.inception5a = inception(832, "5a")
        self.inception5b = inception(832, "5b")
        self.aux1 = AuxiliaryHead(512, num_classes, form=form) if auxiliary else None
        self.aux2 = AuxiliaryHead(528, num_classes, form=form) if auxiliary else None
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.4 if paper else 0.2)
        self.fc = nn.Linear(1024, num_classes)
        self.apply(init_paper if paper else init_torchvision)

    def taps(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, 224, 224) -> the maps of 4a, of 4d and of 5b."""
        x = self.norm1(self.maxpool1(self.conv1(x)))  # (B, 64, 56, 56)
        x = self.maxpool2(self.norm2(self.conv3(self.conv2(x))))  # (B, 192, 28, 28)
        x = self.inception3b(self.inception3a(x))  # (B, 480, 28, 28)
        a = self.inception4a(self.maxpool3(x))  # (B, 512, 14, 14)
        d = self.inception4d(self.inception4c(self.inception4b(a)))  # (B, 528, 14, 14)
        x = self.maxpool4(self.inception4e(d))  # (B, 832, 7, 7)
        return a, d, self.inception5b(self.inception5a(x))  # (B, 1024, 7, 7)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, 1024, 7, 7)."""
        return self.taps(x)[2]

    def forward(self, x: Tensor) -> Tensor | WithAuxiliary:
        """(B, C, 224, 224) -> (B, num_classes); in training mode with those of the auxiliary heads."""
        a, d, x = self.taps(x)
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        if self.training and self.aux1 and self.aux2:
            return WithAuxiliary(logits, self.aux1(a), self.aux2(d))
        return logits


def init_paper(module: nn.Module) -> None:
    """Draw weights by Xavier's rule and set biases to 0.2, the classifiers' to 0."""
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.xavier_uniform_(module.weight)
        nn.init.constant_(module.bias, 0.2 if isinstance(module, nn.Conv2d) else 0.0)


def init_torchvision(module: nn.Module) -> None:
    """Draw weights from N(0, 0.01), cut off at +-2."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.01, a=-2, b=2)
