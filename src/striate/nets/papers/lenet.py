"""LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.

http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf, section II.B, figure 2 and table I.

Local receptive fields, shared weights and subsampling, learned end to end: the form of every ConvNet since.

Departures: none in layers or counts. The ten output codes are drawn here on the paper's 7x12 grid, not copied
from its figure 3. For another number of classes the codes are random signs, which section II.B allows. Weights
start with a deviation of 1 / sqrt(fan-in), as the same authors' "Efficient BackProp" (1998, section 4.6) has it:
appendix A's uniform +-2.4 / fan-in counts on its own rate for each weight, and learns slowly without.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

# Table I: the S2 maps that each C3 map sees.
TABLE_1 = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

# The output codes of the digits: 12 rows of 7 pixels each, the leftmost pixel the highest bit.
BITMAPS = (
    (0x00, 0x1C, 0x22, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x22, 0x1C, 0x00),
    (0x00, 0x08, 0x18, 0x28, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x3E, 0x00),
    (0x00, 0x3E, 0x41, 0x01, 0x01, 0x06, 0x18, 0x20, 0x40, 0x40, 0x7F, 0x00),
    (0x00, 0x7F, 0x02, 0x04, 0x08, 0x1C, 0x02, 0x01, 0x01, 0x42, 0x3C, 0x00),
    (0x00, 0x02, 0x06, 0x0A, 0x12, 0x22, 0x42, 0x7F, 0x02, 0x02, 0x02, 0x00),
    (0x00, 0x7F, 0x40, 0x40, 0x5C, 0x62, 0x01, 0x01, 0x01, 0x42, 0x3C, 0x00),
    (0x00, 0x0E, 0x10, 0x20, 0x40, 0x5C, 0x62, 0x41, 0x41, 0x22, 0x1C, 0x00),
    (0x00, 0x7F, 0x01, 0x02, 0x02, 0x04, 0x04, 0x08, 0x08, 0x10, 0x10, 0x00),
    (0x00, 0x1C, 0x22, 0x41, 0x22, 0x1C, 0x22, 0x41, 0x41, 0x22, 0x1C, 0x00),
    (0x00, 0x1C, 0x22, 0x41, 0x41, 0x23, 0x1D, 0x01, 0x02, 0x04, 0x38, 0x00),
)


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x/3), the paper's squashing function (appendix A), which maps +-1 to about +-1."""

    def forward(self, x: Tensor) -> Tensor:
        """Squash each element; the shape stays."""
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """Sum each 2x2 square, times a learned weight, plus a learned bias, one of each for every map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H // 2, W // 2)."""
        return avg_pool2d(x, 2) * (4 * self.weight) + self.bias


class TableConv2d(nn.Module):
    """A convolution in which each output map sees only the input maps its row of a table names.

    Rows of equal length that stand together become one grouped convolution, so weights and multiply-adds are
    those of the table and no more.
    """

    def __init__(self, table: Sequence[Sequence[int]], *, kernel_size: int) -> None:
        super().__init__()
        sizes = sorted({len(row) for row in table})
        if [len(row) for row in table] != sorted(len(row) for row in table):
            raise ValueError("the table's rows must stand in order of length")
        self.rows = [[i for row in table if len(row) == size for i in row] for size in sizes]
        counts = [sum(len(row) == size for row in table) for size in sizes]
        self.convs = nn.ModuleList(
            nn.Conv2d(size * n, n, kernel_size, groups=n) for size, n in zip(sizes, counts, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, len(table), H - k + 1, W - k + 1)."""
        return torch.cat([conv(x[:, rows]) for conv, rows in zip(self.convs, self.rows, strict=True)], 1)


class RBF(nn.Module):
    """The log-likelihood of each class's fixed code, from the squared distance to it (equation 7).

    The code is the mean of a Gaussian of variance 4: with a narrower one a softmax over the classes saturates.
    """

    codes: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("codes", digit_codes() if num_classes == 10 else random_codes(num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 84) -> (B, num_classes)."""
        return (x[:, None, :] - self.codes).square().sum(2) / -8


class LeNet5(nn.Module):
    """LeNet-5 as published: 60,000 trainable parameters with the RBF output, 340,908 connections.

    Takes (B, in_channels, H, W), made for 32x32; a larger image gives C5 a larger map, which is averaged.
    `output="linear"` puts a learned layer of 84 x num_classes in the place of the fixed codes.
    """

    def __init__(
        self, num_classes: int = 10, *, in_channels: int = 1, output: Literal["rbf", "linear"] = "rbf"
    ) -> None:
        super().__init__()
        self.squash = ScaledTanh()
        self.c1 = nn.Conv2d(in_channels, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = TableConv2d(TABLE_1, kernel_size=5)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = RBF(num_classes) if output == "rbf" else nn.Linear(84, num_classes)
        self.apply(init)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, 120, 1, 1)."""
        x = self.squash(self.c1(x))  # (B, 6, 28, 28)  C1
        x = self.squash(self.s2(x))  # (B, 6, 14, 14)  S2
        x = self.squash(self.c3(x))  # (B, 16, 10, 10)  C3
        x = self.squash(self.s4(x))  # (B, 16, 5, 5)  S4
        return self.squash(self.c5(x))  # (B, 120, 1, 1)  C5

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, num_classes)."""
        x = self.features(x).mean((2, 3))  # (B, 120)
        x = self.squash(self.f6(x))  # (B, 84)  F6
        return self.output(x)


class LeNet5Tutorial(nn.Module):
    """The LeNet-5 that tutorials write: full C3, ReLU, max pooling, a linear output; 61,706 parameters.

    Takes (B, in_channels, H, W), made for 28x28, which it pads to 32x32; other sizes are pooled to S4's 5x5.
    """

    def __init__(self, num_classes: int = 10, *, in_channels: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = nn.AdaptiveAvgPool2d(5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 28, 28) -> (B, 16, 5, 5)."""
        x = max_pool2d(relu(self.conv1(x)), 2)  # (B, 6, 14, 14)
        x = max_pool2d(relu(self.conv2(x)), 2)  # (B, 16, 5, 5)
        return self.pool(x)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 28, 28) -> (B, num_classes)."""
        x = self.features(x).flatten(1)  # (B, 400)
        x = relu(self.fc1(x))  # (B, 120)
        x = relu(self.fc2(x))  # (B, 84)
        return self.fc3(x)


def init(module: nn.Module) -> None:
    """Draw weights with a deviation of 1 / sqrt(fan-in); biases start at zero."""
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
        nn.init.zeros_(module.bias)


def digit_codes() -> Tensor:
    """Return BITMAPS as (10, 84), ink +1 and paper -1."""
    bits = [[row >> (6 - column) & 1 for row in bitmap for column in range(7)] for bitmap in BITMAPS]
    return torch.tensor(bits) * 2.0 - 1.0


def random_codes(num_classes: int) -> Tensor:
    """Return (num_classes, 84) random signs, the same each time."""
    generator = torch.Generator().manual_seed(1998)
    return torch.randint(0, 2, (num_classes, 84), generator=generator) * 2.0 - 1.0
