"""TrivialAugment (Müller & Hutter 2021, arXiv:2103.10158): one operation a picture, at a strength drawn evenly."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
# A strength for each picture and their size (height, width) -> where their pixels are taken from.
Move = Callable[[Numbers, tuple[int, int]], Affine]

STRENGTHS = 31


class Operation(NamedTuple):
    """What is done, from the least to the greatest strength; `signed` takes half of the strengths as negative.

    `move` says where pixels are taken from, if they are moved.
    """

    apply: Apply
    least: float = 0.0
    greatest: float = 0.0
    signed: bool = False
    move: Move | None = None


@dataclass(frozen=True)
class Trivial:
    """What was drawn for each picture: the number of its operation in WIDE, and the strength of that."""

    operations: NDArray[np.int64]
    strengths: Numbers

    def affine(self, size: tuple[int, int]) -> Affine:
        """Return where the pixels of each picture of `size` are taken from: where they are, but for five operations."""
        count = len(self.operations)
        linear, offset = _straight(count), np.zeros((count, 2))
        for chosen, operation in self.each():
            if operation.move is not None:
                move = operation.move(self.strengths[chosen], size)
                linear[chosen], offset[chosen] = move.linear, move.offset
        return Affine(linear, offset)

    def each(self) -> Iterator[tuple[NDArray[np.int64], Operation]]:
        """Yield the positions of the pictures of each operation that some picture has."""
        for number, operation in enumerate(WIDE.values()):
            chosen = np.flatnonzero(self.operations == number)
            if len(chosen):
                yield chosen, operation


def draw_trivial(draws: Draws) -> Trivial:
    """Draw the operation of each picture, one of WIDE, and its strength."""
    operations = draws.whole("trivial-operation", len(WIDE))
    steps = draws.whole("trivial-strength", STRENGTHS) / (STRENGTHS - 1)
    table = [(one.least, one.greatest, one.signed) for one in WIDE.values()]
    least, greatest, signed = np.array(table, np.float64)[operations].T
    sign = np.where((draws.uniform("trivial-sign") < 0.5) & (signed == 1), -1.0, 1.0)
    return Trivial(operations, sign * (least + (greatest - least) * steps))


def trivially_changed(images: Tensor, drawn: Trivial, *, fill: Fill) -> Tensor:
    """Return (B, C, H, W), uint8 or float32, each picture changed by one operation of WIDE."""
    images = images.clone(memory_format=torch.contiguous_format)
    for chosen, operation in drawn.each():
        if operation.apply is not _identity:
            apply(images, chosen, operation, drawn.strengths[chosen], fill=fill)
    return images


def apply(
    images: Tensor, chosen: NDArray[np.int64], operation: Operation, strengths: Numbers, *, fill: Fill
) -> None:
    """Do one operation to the chosen pictures of a batch, in place, at a strength each."""
    rewrite(images, chosen, lambda floats, part: operation.apply(floats, strengths[part], fill))


def _identity(floats: Tensor, _: Numbers, __: Fill) -> Tensor:
    return floats


def _moving(move: Move, greatest: float) -> Operation:
    """Return the operation that takes pixels from where `move` says, by a strength of either sign."""

    def warped(floats: Tensor, strengths: Numbers, fill: Fill) -> Tensor:
        size = _size(floats)
        return warp(floats, move(strengths, size), size=size, fill=fill)

    return Operation(warped, 0, greatest, signed=True, move=move)


def _shear(strengths: Numbers, size: tuple[int, int], *, axis: int) -> Affine:
    """Shear about the upper left corner, by a strength that is the tangent of the angle."""
    linear = _straight(len(strengths))
    linear[:, axis, 1 - axis] = strengths
    corner = -np.array([size[1], size[0]]) / 2
    return Affine(linear, corner - linear @ corner)


def _move(strengths: Numbers, _: tuple[int, int], *, axis: int) -> Affine:
    offset = np.zeros((len(strengths), 2))
    offset[:, axis] = -np.trunc(strengths)  # whole pixels, so that nothing is blurred
    return Affine(_straight(len(strengths)), offset)


def _rotate(strengths: Numbers, _: tuple[int, int]) -> Affine:
    nothing = np.zeros((len(strengths), 2))
    return affine(strengths, scale=np.ones(len(strengths)), shear=nothing, move=nothing)


def _straight(count: int) -> NDArray[np.float64]:
    """Return so many matrices (2, 2) that change nothing."""
    return np.tile(np.eye(2), (count, 1, 1))


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
    "shear x": _moving(partial(_shear, axis=0), 0.99),
    "shear y": _moving(partial(_shear, axis=1), 0.99),
    "move x": _moving(partial(_move, axis=0), 32),
    "move y": _moving(partial(_move, axis=1), 32),
    "rotate": _moving(_rotate, 135),
    "brightness": Operation(_brightness, 0, 0.99, signed=True),
    "colour": Operation(_colour, 0, 0.99, signed=True),
    "contrast": Operation(_contrast, 0, 0.99, signed=True),
    "sharpness": Operation(_sharpness, 0, 0.99, signed=True),
    "posterize": Operation(_posterize, 8, 2),
    "solarize": Operation(_solarize, 255, 0),
    "autocontrast": Operation(_autocontrast),
    "equalize": Operation(_equalize),
}
