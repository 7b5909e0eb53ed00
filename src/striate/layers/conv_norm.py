"""Convolution, norm, activation: the unit that mobile networks are made of."""

from collections.abc import Callable

from torch import nn


def conv_norm(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int = 1,
    stride: int = 1,
    groups: int = 1,
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    activation: Callable[[], nn.Module] | None = None,
) -> nn.Sequential:
    """Return a convolution without bias, padded by (kernel_size - 1) // 2, its norm and, where given, an activation.

    The keys are those of torchvision's Conv2dNormActivation: 0 the convolution, 1 the norm.
    """
    conv = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, (kernel_size - 1) // 2, groups=groups, bias=False
    )
    layers = [conv, norm(out_channels)]
    return nn.Sequential(*layers, activation()) if activation else nn.Sequential(*layers)
