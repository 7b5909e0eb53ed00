"""Plain torch networks that a summary is held to: chains, branches, functions, shared and odd modules.

A test with an argument `network` runs on each: (the module, the shape of its pictures).
"""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=2)
        self.short = nn.Conv2d(channels, channels, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.conv2(y) + self.short(x))


class Inception(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, 4, 1)
        self.three = nn.Sequential(nn.Conv2d(channels, 3, 1), nn.ReLU(), nn.Conv2d(3, 6, 3, padding=1))
        self.five = nn.Conv2d(channels, 2, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.max_pool2d(x, 3, 1, 1)
        return torch.cat([self.one(x), self.three(x), self.five(pooled)], 1)


class Auxiliary(nn.Module):
    """A head that runs in training only, as GoogLeNet has."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.head = nn.Linear(8, 10)
        self.aux = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.stem(x).mean((2, 3))
        return (self.head(x), self.aux(x)) if self.training else self.head(x)


class Shared(nn.Module):
    """One convolution used three times."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = torch.tanh(self.conv(x))
        return self.fc(x.mean(dim=(2, 3)))


class Functional(nn.Module):
    """Raw parameters and functions, no modules inside."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(6, 3, 5, 5))
        self.bias = nn.Parameter(torch.zeros(6))
        self.scale = nn.Parameter(torch.ones(1, 6, 1, 1))
        self.matrix = nn.Parameter(torch.randn(6 * 4 * 4, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.kernel, self.bias, stride=2).relu() * self.scale
        x = F.adaptive_avg_pool2d(x, 4)
        return x.flatten(1) @ self.matrix


class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        self.down, self.up = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.up(F.silu(self.down(F.adaptive_avg_pool2d(x, 1)))))


class Attention(nn.Module):
    """A small vision transformer: patches, a class token, attention as a function and as a module."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, 8)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.place = nn.Parameter(torch.zeros(1, 17, 16))
        self.norm = nn.LayerNorm(16)
        self.qkv, self.proj = nn.Linear(16, 48), nn.Linear(16, 16)
        self.mha = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, n, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c)
        x = x + self.proj(y)
        x = x + self.mha(x, x, x, need_weights=False)[0]
        return self.head(x[:, 0])


class WeightStandardised(nn.Conv2d):
    """A convolution whose kernel is a function of its parameter."""

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-5)
        return F.conv2d(x, w, self.bias, self.stride, self.padding)


def lenet() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def autoencoder() -> nn.Sequential:
    return nn.Sequential(
        *(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.GELU(),
            nn.ConvTranspose2d(8, 4, 4, 2, 1, groups=2),
            nn.Upsample(scale_factor=2),
        ),
        *(
            nn.Conv2d(4, 12, 3, padding="same"),
            nn.PixelShuffle(2),
            nn.ReflectionPad2d(1),
            nn.Conv2d(3, 1, 3, dilation=2),
        ),
    )


def alexnet() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 11, 4), nn.ReLU(inplace=True), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2)),
        *(
            nn.Conv2d(16, 8, 5, padding=2, groups=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        ),
        *(nn.Flatten(), nn.Dropout(), nn.Linear(72, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10)),
    )


def stacked(*modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *modules)


# Name -> (network, the shape of its pictures).
NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "lenet": (lenet(), (1, 32, 32)),
    "residual": (stacked(Residual(8), nn.MaxPool2d(3, 2, 1), Residual(8, 2)), (3, 32, 32)),
    "inception": (stacked(Inception(8), Inception(12)), (3, 32, 32)),
    "auxiliary": (Auxiliary(), (3, 16, 16)),
    "shared": (Shared(), (3, 16, 16)),
    "functional": (Functional(), (3, 32, 32)),
    "squeeze": (SqueezeExcite(), (3, 32, 32)),
    "attention": (Attention(), (3, 32, 32)),
    "standardised": (nn.Sequential(WeightStandardised(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU()), (3, 16, 16)),
    "autoencoder": (autoencoder(), (3, 32, 32)),
    "alexnet": (alexnet(), (3, 67, 67)),
    "one axis": (nn.Sequential(nn.Conv1d(2, 4, 5, 2), nn.BatchNorm1d(4), nn.MaxPool1d(2)), (2, 50)),
    "three axes": (nn.Sequential(nn.Conv3d(2, 4, 3), nn.AvgPool3d(2), nn.ReLU()), (2, 9, 10, 11)),
    "perceptron": (
        nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.Sigmoid(), nn.Linear(32, 10)),
        (1, 28, 28),
    ),
    "recurrent": (nn.Sequential(nn.Flatten(2), nn.LSTM(64, 8, batch_first=True)), (3, 8, 8)),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "network" in metafunc.fixturenames:
        metafunc.parametrize("network", list(NETWORKS.values()), ids=list(NETWORKS))
