"""Brightness, contrast, saturation and hue, each with torchvision's meaning of its number."""

import torch
from torch import Tensor

from striate.data.augment.levels import WHITE, Numbers, column, means, rewritten
from striate.data.draw import Draws

# The share of red, green and blue in a pixel's brightness (ITU-R BT.601), in torchvision's digits.
LUMA = (0.2989, 0.587, 0.114)
# Where on the circle of hues, in sixths of a turn, red, green and blue begin to rise again, counted backwards.
RISES = (5.0, 3.0, 1.0)


def draw_factors(purpose: str, draws: Draws, *, reach: float) -> Numbers:
    """Draw a factor from 1 - reach, or 0, to 1 + reach for each sample."""
    return draws.between(purpose, max(0.0, 1 - reach), 1 + reach)


def recoloured(
    images: Tensor, *, brightness: Numbers, contrast: Numbers, saturation: Numbers, hue: Numbers | None = None
) -> Tensor:
    """Return (B, C, H, W), uint8 or float32, with the given factors, and hues moved by shares of the circle.

    Values are rounded once, at the end, and cut off only there and before hues are moved: so the order of the three
    factors makes no difference.
    """

    def work(floats: Tensor, part: slice) -> Tensor:
        floats = adjust(
            floats, brightness=brightness[part], contrast=contrast[part], saturation=saturation[part]
        )
        return floats if hue is None else turn_hue(floats.clamp_(0, WHITE), hue[part])

    return rewritten(images, work)


def adjust(floats: Tensor, *, brightness: Numbers, contrast: Numbers, saturation: Numbers) -> Tensor:
    """Return floats (n, C, H, W), overwritten, times a brightness, then away from their mean grey and their own greys.

    Contrast is left alone where there are neither one nor three channels, saturation where there are not three.
    """
    channels = floats.shape[1]
    if channels not in (1, 3):
        return floats.mul_(column(brightness))
    greys = grey(floats) if channels == 3 else floats
    gain = brightness * contrast
    base = column(brightness * (1 - contrast) * means(greys))
    if channels == 1:
        return floats.mul_(column(gain)).add_(base)
    greys.mul_(column(gain * (1 - saturation))).add_(base)
    return floats.mul_(column(gain * saturation)).add_(greys)


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
    most = torch.maximum(torch.maximum(red, green), blue)
    reach = most - torch.minimum(torch.minimum(red, green), blue)
    # A grey has no hue, and takes any for its reach of nothing.
    divisor = reach.clamp(min=torch.finfo(torch.float32).tiny)
    of_green_or_blue = torch.where(most == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    sixths = torch.where(most == red, (green - blue) / divisor, of_green_or_blue)
    sixths = sixths + column(turns * 6)[:, 0]
    out = torch.empty_like(floats)
    for i, rises in enumerate(RISES):
        place = (sixths + rises) / 6
        place.sub_(place.floor()).mul_(6)
        lost = (
            place.sub_(2).abs_().neg_().add_(2).clamp_(0, 1)
        )  # of the reach: 0 where the channel is the greatest
        torch.sub(most, lost.mul_(reach), out=out[:, i])
    return out
