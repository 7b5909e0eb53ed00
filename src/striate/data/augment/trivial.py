"""TrivialAugment (Müller & Hutter 2021, arXiv:2103.10158): one operation a picture, at a strength drawn evenly."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.augment.affine import Affine, Fill, affine, warp
from striate.data.augment.colour import adjust
from striate.data.augment.levels import WHITE, Numbers, column, rewrite
from striate.data.draw import Draws

# Floats (n, C, H, W) in 0..255, a strength for each, and what to fill with -> floats.
Apply = Callable[[Tensor, Numbers, Fill], Tensor]

STRENGTHS = 31


class Operation(NamedTuple):
    """What is done, from the least to the greatest strength; `signed` takes half of the strengths as negative."""

    apply: Apply
    least: float = 0.0
    greatest: float = 0.0
    signed: bool = False


def trivially_changed(images: Tensor, draws: Draws, *, fill: Fill) -> Tensor:
    """Return (B, C, H, W), uint8 or float32, each picture changed by one operation of WIDE."""
    operations = draws.whole("trivial-operation", len(WIDE))
    steps = draws.whole("trivial-strength", STRENGTHS) / (STRENGTHS - 1)
    negative = draws.uniform("trivial-sign") < 0.5
    images = images.clone(memory_format=torch.contiguous_format)
    for number, operation in enumerate(WIDE.values()):
        chosen = np.flatnonzero(operations == number)
        if len(chosen) and operation.apply is not _identity:
            sign = np.where(negative[chosen] & operation.signed, -1.0, 1.0)
            strengths = sign * (operation.least + (operation.greatest - operation.least) * steps[chosen])
            apply(images, chosen, operation, strengths, fill=fill)
    return images


def apply(
    images: Tensor, chosen: NDArray[np.int64], operation: Operation, strengths: Numbers, *, fill: Fill
) -> None:
    """Do one operation to the chosen pictures of a batch, in place, at a strength each."""
    rewrite(images, chosen, lambda floats, part: operation.apply(floats, strengths[part], fill))


def _identity(floats: Tensor, _: Numbers, __: Fill) -> Tensor:
    return floats


def _shear(floats: Tensor, strengths: Numbers, fill: Fill, *, axis: int) -> Tensor:
    """Shear about the upper left corner, by a strength that is the tangent of the angle."""
    linear = np.tile(np.eye(2), (len(strengths), 1, 1))
    linear[:, axis, 1 - axis] = strengths
    corner = -np.array([floats.shape[3], floats.shape[2]]) / 2
    return warp(floats, Affine(linear, corner - linear @ corner), size=_size(floats), fill=fill)


def _move(floats: Tensor, strengths: Numbers, fill: Fill, *, axis: int) -> Tensor:
    offset = np.zeros((len(strengths), 2))
    offset[:, axis] = -np.trunc(strengths)  # whole pixels, so that nothing is blurred
    linear = np.tile(np.eye(2), (len(strengths), 1, 1))
    return warp(floats, Affine(linear, offset), size=_size(floats), fill=fill)


def _rotate(floats: Tensor, strengths: Numbers, fill: Fill) -> Tensor:
    nothing = np.zeros((len(strengths), 2))
    turn = affine(strengths, scale=np.ones(len(strengths)), shear=nothing, move=nothing)
    return warp(floats, turn, size=_size(floats), fill=fill)


def _brightness(floats: Tensor, strengths: Numbers, _: Fill) -> Tensor:
    one = np.ones_like(strengths)
    return adjust(floats, brightness=1 + strengths, contrast=one, saturation=one)


def _contrast(floats: Tensor, strengths: Numbers, _: Fill) -> Tensor:
    one = np.ones_like(strengths)
    return adjust(floats, brightness=one, contrast=1 + strengths, saturation=one)


def _colour(floats: Tensor, strengths: Numbers, _: Fill) -> Tensor:
    one = np.ones_like(strengths)
    return adjust(floats, brightness=one, contrast=one, saturation=1 + strengths)


def _sharpness(floats: Tensor, strengths: Numbers, _: Fill) -> Tensor:
    """Go away from the picture smoothed by (1 1 1, 1 5 1, 1 1 1) / 13, or towards it; the outermost pixels stay."""
    if min(_size(floats)) < 3:
        return floats
    rows = floats[:, :, :-2] + floats[:, :, 1:-1] + floats[:, :, 2:]
    inner = floats[:, :, 1:-1, 1:-1]
    smooth = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * inner) / 13
    floats = floats.clone()
    floats[:, :, 1:-1, 1:-1] = inner + column(strengths) * (inner - smooth)
    return floats


def _posterize(floats: Tensor, bits: Numbers, _: Fill) -> Tensor:
    step = 2 ** (8 - np.rint(bits))
    return floats.mul_(column(1 / step)).floor_().mul_(column(step))


def _solarize(floats: Tensor, thresholds: Numbers, _: Fill) -> Tensor:
    return torch.where(floats >= column(thresholds), WHITE - floats, floats)


def _autocontrast(floats: Tensor, _: Numbers, __: Fill) -> Tensor:
    least, most = floats.amin((2, 3), keepdim=True), floats.amax((2, 3), keepdim=True)
    flat = least == most
    return torch.where(flat, floats, (floats - least) * (WHITE / torch.where(flat, 1.0, most - least)))


def _equalize(floats: Tensor, _: Numbers, __: Fill) -> Tensor:
    return torch.stack([torch.stack([_equalized(plane) for plane in picture]) for picture in floats])


def _equalized(plane: Tensor) -> Tensor:
    """Return (H, W) with its levels spread so that each is as frequent; what lies between two levels stays there."""
    below = plane.floor()
    level = below.long()
    counts = torch.bincount(level.flatten(), minlength=256)
    step = int((counts.sum() - counts[counts.nonzero()[-1]]) // 255)
    if step == 0:
        return plane
    table = ((counts.cumsum(0) - counts + step // 2) // step).clamp(0, 255).float()
    here, beyond = table[level], plane - below
    # Bytes have nothing between two levels, and half the work.
    return here + beyond * (table[(level + 1).clamp_(max=255)] - here) if beyond.any() else here


def _size(floats: Tensor) -> tuple[int, int]:
    return floats.shape[2], floats.shape[3]


# The paper's wide space. Moves are in pixels, turns in degrees; a factor is one more than its strength.
WIDE: Mapping[str, Operation] = {
    "identity": Operation(_identity),
    "shear x": Operation(partial(_shear, axis=0), 0, 0.99, signed=True),
    "shear y": Operation(partial(_shear, axis=1), 0, 0.99, signed=True),
    "move x": Operation(partial(_move, axis=0), 0, 32, signed=True),
    "move y": Operation(partial(_move, axis=1), 0, 32, signed=True),
    "rotate": Operation(_rotate, 0, 135, signed=True),
    "brightness": Operation(_brightness, 0, 0.99, signed=True),
    "colour": Operation(_colour, 0, 0.99, signed=True),
    "contrast": Operation(_contrast, 0, 0.99, signed=True),
    "sharpness": Operation(_sharpness, 0, 0.99, signed=True),
    "posterize": Operation(_posterize, 8, 2),
    "solarize": Operation(_solarize, 255, 0),
    "autocontrast": Operation(_autocontrast),
    "equalize": Operation(_equalize),
}
