"""Brightness, contrast, saturation and hue, each with torchvision's meaning of its number."""

import numpy as np
import torch
from torch import Tensor

from striate.data.draw import Draws
from striate.data.levels import Numbers, channel_means, column, rewritten

# The share of red, green and blue in a pixel's brightness (ITU-R BT.601), in torchvision's digits.
LUMA = (0.2989, 0.587, 0.114)
# The place of red, green and blue on the circle of hues, in sixths of a turn: where a channel begins to fall.
FALLS = (5.0, 3.0, 1.0)


def draw_factors(purpose: str, draws: Draws, *, reach: float) -> Numbers:
    """Draw a factor from 1 - reach, or 0, to 1 + reach for each sample."""
    return draws.between(purpose, max(0.0, 1 - reach), 1 + reach)


def recoloured(
    images: Tensor, *, brightness: Numbers, contrast: Numbers, saturation: Numbers, hue: Numbers | None = None
) -> Tensor:
    """Return (B, C, H, W), uint8 or float32, with the given factors, and hues moved by shares of the circle.

    Values are rounded and cut off once, at the end, so that the order of the three factors makes no difference.
    """

    def work(floats: Tensor, part: slice) -> Tensor:
        floats = adjust(floats, brightness[part], contrast[part], saturation[part])
        return floats if hue is None else turn_hue(floats.clamp_(0, 255), hue[part])

    return rewritten(images, work)


def adjust(floats: Tensor, brightness: Numbers, contrast: Numbers, saturation: Numbers) -> Tensor:
    """Return floats (n, C, H, W) times a brightness, then away from their mean grey, and from their own greys.

    Contrast is left alone where there are neither one nor three channels, saturation where there are not three.
    """
    channels = floats.shape[1]
    gain = brightness
    base = np.zeros_like(gain)
    if channels in (1, 3):
        means = channel_means(floats)
        base = brightness * (1 - contrast) * (means @ LUMA if channels == 3 else means[:, 0])
        gain = brightness * contrast
    if channels != 3:
        return floats * column(gain) + column(base)
    return floats * column(gain * saturation) + (
        grey(floats) * column(gain * (1 - saturation)) + column(base)
    )


def grey(floats: Tensor) -> Tensor:
    """Return the brightness (n, 1, H, W) of pixels (n, 3, H, W)."""
    red, green, blue = (floats[:, i : i + 1] * share for i, share in enumerate(LUMA))
    return red.add_(green).add_(blue)


def turn_hue(floats: Tensor, turns: Numbers) -> Tensor:
    """Return pixels (n, 3, H, W) with their hue moved by a share of the circle, their greatest and least values kept.

    Other than three channels have no hue, and are returned as they are.
    """
    if floats.shape[1] != 3:
        return floats
    red, green, blue = floats.unbind(1)
    least, most = torch.aminmax(floats, dim=1)
    reach = most - least
    divisor = torch.where(reach > 0, reach, 1.0)
    sixths = torch.where(
        most == red,
        (green - blue) / divisor,
        torch.where(most == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    sixths = sixths + column(turns * 6)[:, 0]
    channels = []
    for falls in FALLS:
        place = torch.remainder(sixths + falls, 6)
        channels.append(most - reach * torch.minimum(place, 4 - place).clamp_(0, 1))
    return torch.stack(channels, 1)
