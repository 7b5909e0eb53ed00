"""What moves whole pixels: mirroring, turning by right angles, and shifting."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from striate.data.draw import Draws

Chosen = NDArray[np.bool_]  # (B,): the samples that something is done to
Numbered = NDArray[np.int64]  # (B,): a whole number for each sample

SYMMETRIES = 8  # of the square: four turns, each also mirrored
STRAIGHT = 4  # of them that keep a picture's shape where it is not square


class Shift(NamedTuple):
    """From how many pixels further down and further right each picture is taken."""

    down: Numbered
    right: Numbered


def draw_mirrored(draws: Draws, *, alternate: bool) -> Chosen:
    """Draw which samples are mirrored left to right: half of them.

    `alternate` draws for the first epoch alone, and mirrors in every other epoch the half that was not mirrored in
    the one before: any two epochs in a row show each picture both ways (Jordan 2024, arXiv:2404.00498).
    """
    if not alternate:
        return draws.uniform("flip") < 0.5
    first = Draws(draws.ids, draws.seed, 0).uniform("flip") < 0.5
    return first ^ (draws.epoch % 2 == 1)


def draw_symmetry(draws: Draws, *, size: tuple[int, int]) -> Numbered:
    """Draw one of the square's eight symmetries for each picture of `size` (height, width).

    Pictures that are not square take one of the four that keep their shape, which are numbered first.
    """
    return draws.whole("symmetry", SYMMETRIES if size[0] == size[1] else STRAIGHT)


def draw_shift(draws: Draws, *, share: float, size: tuple[int, int]) -> Shift:
    """Draw a shift for each picture of `size` (height, width).

    `share` of a side, and at least a pixel, is the farthest it moves along each axis.
    """
    reach_y, reach_x = (max(1, round(side * share)) for side in size)
    return Shift(
        draws.whole("shift-y", 2 * reach_y + 1) - reach_y,
        draws.whole("shift-x", 2 * reach_x + 1) - reach_x,
    )


def flipped(images: Tensor, chosen: Chosen, *, axis: int) -> Tensor:
    """Return (B, C, H, W) with the chosen pictures reversed along an axis: 3 mirrors, 2 turns upside down."""
    return torch.where(_of_each(chosen, images), images.flip(axis), images)


def turned(images: Tensor, symmetry: Numbered) -> Tensor:
    """Return each picture of (B, C, H, W) in the symmetry of its number.

    Odd numbers mirror, the latter two of each four turn upside down, then the latter four of the eight swap the axes.
    """
    images = flipped(images, symmetry % 2 == 1, axis=3)
    images = flipped(images, symmetry // 2 % 2 == 1, axis=2)
    if images.shape[2] != images.shape[3]:
        return images
    return torch.where(_of_each(symmetry >= STRAIGHT, images), images.transpose(2, 3), images)


def shifted(images: Tensor, shift: Shift) -> Tensor:
    """Return each picture of (B, C, H, W) moved by whole pixels, its edges repeated where it uncovers any."""
    down, right = map(torch.from_numpy, shift)
    if images.device.type != "cpu":  # where bytes cannot be padded with their edge
        return moved(images, down, right)
    height, width = images.shape[2:]
    reach_y, reach_x = (int(np.abs(by).max(initial=0)) for by in shift)
    padded = pad(images, (reach_x, reach_x, reach_y, reach_y), mode="replicate")
    places = padded.unfold(2, height, 1).unfold(3, width, 1)  # (B, C, 2Ry+1, 2Rx+1, H, W), a view
    return places[torch.arange(len(images)), :, down + reach_y, right + reach_x]


def moved(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Return (B, C, H, W), each picture taken from so many pixels (B,) further down and right, its edges repeated."""
    batch, _, height, width = images.shape
    device = images.device
    rows = (torch.arange(height, device=device) + down.to(device)[:, None]).clamp(0, height - 1)  # (B, H)
    columns = (torch.arange(width, device=device) + right.to(device)[:, None]).clamp(0, width - 1)  # (B, W)
    each = torch.arange(batch, device=device)[:, None, None]
    return images[each, :, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def _of_each(chosen: Chosen, images: Tensor) -> Tensor:
    """Return one yes or no a picture, to stand beside pixels (B, C, H, W)."""
    return torch.from_numpy(chosen).view(-1, 1, 1, 1).to(images.device)
