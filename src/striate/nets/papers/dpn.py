"""Chen, Li, Xiao, Jin, Yan, Feng, "Dual Path Networks", NeurIPS 2017.

https://arxiv.org/abs/1707.01629, table 1; DPN-68 and 107 from the authors' https://github.com/cypw/DPNs.

A block adds to some of its input's channels, as in ResNet, which reuses features, and appends others, as in
DenseNet, which finds new ones.

Departures: none in layers or counts. Weights start as torch draws them.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu

# Depth -> (maps of the stem, bottleneck of stage 1, groups, blocks a stage, maps a block appends).
TABLE_1 = {
    68: (10, 128, 32, (3, 4, 12, 3), (16, 32, 32, 64)),
    92: (64, 96, 32, (3, 4, 20, 3), (16, 32, 24, 128)),
    98: (96, 160, 40, (3, 6, 20, 3), (16, 32, 32, 128)),
    107: (128, 200, 50, (4, 8, 20, 3), (20, 64, 64, 128)),
    131: (128, 160, 40, (4, 8, 28, 3), (16, 32, 32, 128)),
}
EPS = 0.001


class NormReluConv(nn.Module):
    """BN-ReLU-Conv, the order of every convolution but the stem's."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels, eps=EPS)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, H / stride, W / stride)."""
        return self.conv(relu(self.bn(x)))


class DualPath(nn.Module):
    """A bottleneck whose first `added` maps are summed with the input's and whose last `behind` are appended.

    A stage's first block projects its input, with twice `behind` maps for the dense path to start from. The
    projection is named after its stride, as in the published weights.
    """

    def __init__(
        self, in_channels: int, width: int, *, added: int, behind: int, groups: int, project: int | None
    ) -> None:
        super().__init__()
        self.added, self.project = added, project
        stride = project or 1
        if project:
            self.add_module(
                f"c1x1_w_s{project}", NormReluConv(in_channels, added + 2 * behind, 1, stride=stride)
            )
        self.c1x1_a = NormReluConv(in_channels, width, 1)
        self.c3x3_b = NormReluConv(width, width, 3, stride=stride, groups=groups)
        self.c1x1_c = NormReluConv(width, added + behind, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C + behind, H, W), or added + 3 * behind maps from a stage's first block."""
        y = self.c1x1_c(self.c3x3_b(self.c1x1_a(x)))
        if self.project:
            x = self.get_submodule(f"c1x1_w_s{self.project}")(x)
        n = self.added
        return torch.cat((x[:, :n] + y[:, :n], x[:, n:], y[:, n:]), 1)


class Stem(nn.Module):
    """Conv-BN-ReLU with stride 2: 7x7, or 3x3 for DPN-68."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, 2, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, H / 2, W / 2)."""
        return relu(self.bn(self.conv(x)))


class NormRelu(nn.Module):
    """BN-ReLU, after the last block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise and rectify; the shape stays."""
        return relu(self.bn(x))


class DPN(nn.Module):
    """Dual path network of TABLE_1. Takes (B, in_channels, H, W) of 32x32 and larger, made for 224x224."""

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3, depth: int = 92) -> None:
        super().__init__()
        stem, bottleneck, groups, blocks, steps = TABLE_1[depth]
        small = depth == 68
        self.features = nn.Sequential()
        self.features.add_module("conv1_1", Stem(in_channels, stem, 3 if small else 7))
        self.features.add_module("conv1_pool", nn.MaxPool2d(3, 2, padding=1))
        width = stem
        for i, (num_blocks, behind) in enumerate(zip(blocks, steps, strict=True)):
            added = (64 if small else 256) * 2**i
            for j in range(num_blocks):
                project = None if j else (1 if i == 0 else 2)
                block = DualPath(
                    width, bottleneck * 2**i, added=added, behind=behind, groups=groups, project=project
                )
                self.features.add_module(f"conv{i + 2}_{j + 1}", block)
                width = width + behind if j else added + 3 * behind
        self.features.add_module("conv5_bn_ac", NormRelu(width))
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes)."""
        x = self.features(x)  # (B, 2688, 7, 7) for DPN-92 at 224
        return self.classifier(adaptive_avg_pool2d(x, 1)).flatten(1)
