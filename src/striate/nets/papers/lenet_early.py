"""LeCun, Boser, Denker, Henderson, Howard, Hubbard, Jackel, "Handwritten Digit Recognition with a
Back-Propagation Network", NIPS 1989 (LeNet-1); LeCun and others, "Comparison of Learning Algorithms for
Handwritten Digit Recognition", ICANN 1995 (LeNet-4).

https://papers.nips.cc/paper/1989/hash/53c3bce66e43be4f209556518c2fcb54-Abstract.html
http://yann.lecun.com/exdb/publis/pdf/lecun-95b.pdf

The first ConvNets of Bell Labs: local fields, shared weights and averaging, before LeNet-5.

Departures: LeNet-4's sources give no table of its second convolution; here each of its 16 maps sees 3 of 8,
which gives the "about 260,000 connections" they state. Outputs are linear, for a softmax loss.
"""

from torch import Tensor, nn

from striate.nets.papers.lenet import ScaledTanh, Subsampling, TableConv2d, init

# LeNet-1's table 1, rows in order of length: the H2 maps that each of 12 H3 maps sees.
TABLE_1 = ((0,), (1,), (2,), (3,), (0, 1), (0, 1), (0, 1), (0, 1), (2, 3), (2, 3), (2, 3), (2, 3))
# LeNet-4: three neighbours for 8 maps, then every other one for 8 more.
PAIRED = (
    *((i, (i + 1) % 8, (i + 2) % 8) for i in range(8)),
    *((i, (i + 2) % 8, (i + 4) % 8) for i in range(8)),
)


class LeNet1(nn.Module):
    """LeNet-1: 2,578 parameters and 98,442 connections on 28x28.

    Takes (B, in_channels, H, W), made for 28x28; the last map of a larger image is averaged to 4x4.
    """

    def __init__(self, num_classes: int = 10, *, in_channels: int = 1) -> None:
        super().__init__()
        self.squash = ScaledTanh()
        self.h1 = nn.Conv2d(in_channels, 4, 5)
        self.h2 = Subsampling(4)
        self.h3 = TableConv2d(TABLE_1, kernel_size=5)
        self.h4 = Subsampling(12)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.output = nn.Linear(12 * 4 * 4, num_classes)
        self.apply(init)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 28, 28) -> (B, 12, 4, 4)."""
        x = self.squash(self.h1(x))  # (B, 4, 24, 24)  H1
        x = self.squash(self.h2(x))  # (B, 4, 12, 12)  H2
        x = self.squash(self.h3(x))  # (B, 12, 8, 8)  H3
        return self.pool(self.squash(self.h4(x)))  # (B, 12, 4, 4)  H4

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 28, 28) -> (B, num_classes)."""
        return self.output(self.features(x).flatten(1))


class LeNet4(nn.Module):
    """LeNet-4 as its text describes it: 262,306 connections and 50,698 parameters on 32x32.

    Takes (B, in_channels, H, W), made for 32x32; the last map of a larger image is averaged to 5x5.
    """

    def __init__(self, num_classes: int = 10, *, in_channels: int = 1) -> None:
        super().__init__()
        self.squash = ScaledTanh()
        self.c1 = nn.Conv2d(in_channels, 4, 5)
        self.s2 = Subsampling(8)
        self.c3 = TableConv2d(PAIRED, kernel_size=5)
        self.s4 = Subsampling(16)
        self.pool = nn.AdaptiveAvgPool2d(5)
        self.f5 = nn.Linear(16 * 5 * 5, 120)
        self.output = nn.Linear(120, num_classes)
        self.apply(init)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, 16, 5, 5)."""
        x = self.squash(self.c1(x))  # (B, 4, 28, 28)
        x = self.squash(self.s2(x.repeat_interleave(2, 1)))  # (B, 8, 14, 14), two for each map before
        x = self.squash(self.c3(x))  # (B, 16, 10, 10)
        return self.pool(self.squash(self.s4(x)))  # (B, 16, 5, 5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, num_classes)."""
        x = self.features(x).flatten(1)  # (B, 400)
        return self.output(self.squash(self.f5(x)))
