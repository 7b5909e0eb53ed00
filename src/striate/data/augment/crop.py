"""Random resized crops (Szegedy et al. 2014, section 6; the sampling is torchvision's) and the resizing they need."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from striate.data.draw import Draws

Boxes = NDArray[np.int64]  # (B, 4): top, left, height, width
Range = tuple[float, float]

# Boxes tried for a picture before the rule for those that do not fit; torchvision's number.
TRIES = 10
# Channels that torch's quickest way to resize bytes takes, and only with the channels last.
QUICK_CHANNELS = (3, 4)


def draw_boxes(
    purpose: str, draws: Draws, *, side: tuple[int, int], area: Range, ratio: Range
) -> tuple[Boxes, NDArray[np.bool_]]:
    """Draw a box within `side` (height, width) for each sample, and say which samples found one that fits.

    `area` is the range of its share of the picture, drawn evenly; `ratio` that of width to height, drawn evenly in
    its logarithm. A sample whose TRIES boxes all pass the edge is left (0, 0, 0, 0).
    """
    height, width = side
    boxes = np.zeros((len(draws), 4), np.int64)
    open_ = np.arange(len(draws))
    for attempt in range(TRIES):
        left_over = draws.at(open_)
        target = height * width * left_over.between(f"{purpose}-area-{attempt}", *area)
        aspect = np.exp(
            left_over.between(f"{purpose}-ratio-{attempt}", math.log(ratio[0]), math.log(ratio[1]))
        )
        tall = np.rint(np.sqrt(target / aspect)).astype(np.int64)
        wide = np.rint(np.sqrt(target * aspect)).astype(np.int64)
        fits = (tall > 0) & (tall <= height) & (wide > 0) & (wide <= width)
        placed = left_over.at(np.flatnonzero(fits))
        tall, wide = tall[fits], wide[fits]
        top = placed.whole(f"{purpose}-top-{attempt}", height - tall + 1)
        left = placed.whole(f"{purpose}-left-{attempt}", width - wide + 1)
        boxes[open_[fits]] = np.stack([top, left, tall, wide], 1)
        open_ = open_[~fits]
        if not len(open_):
            break
    return boxes, boxes[:, 2] > 0


def draw_crops(draws: Draws, *, side: tuple[int, int], area: Range, ratio: Range) -> Boxes:
    """Draw the crop of each sample; where no try fits, the largest middle box of a ratio in range, as torchvision."""
    boxes, found = draw_boxes("crop", draws, side=side, area=area, ratio=ratio)
    boxes[~found] = _middle(side, ratio)
    return boxes


def cut(
    images: Tensor, boxes: Boxes, *, size: tuple[int, int], mirrored: NDArray[np.bool_] | None = None
) -> Tensor:
    """Return the boxes of (B, C, H, W), uint8 or float32, resized to `size`, some of them mirrored.

    Each box is resized by itself, bilinear and antialiased, as if its picture ended at its edges. The result has the
    memory order of `images`; channels last is the quicker.
    """
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    order = torch.channels_last if last else torch.contiguous_format
    out = torch.empty((*images.shape[:2], *size), dtype=images.dtype, memory_format=order)
    for i, (top, left, height, width) in enumerate(boxes.tolist()):
        piece = images[i : i + 1, :, top : top + height, left : left + width]
        # Mirrored before it is resized, where its pixels are copied in any case. The result is the same.
        piece = piece.flip(3) if mirrored is not None and mirrored[i] else piece
        out[i] = resized(piece, size=size)[0]
    return out


def resized(images: Tensor, *, size: tuple[int, int]) -> Tensor:
    """Return (B, C, H, W), uint8 or float32, at another size: bilinear and antialiased."""
    if tuple(images.shape[2:]) == size:
        return images
    if images.dtype == torch.uint8 and images.shape[1] in QUICK_CHANNELS:
        images = images.contiguous(memory_format=torch.channels_last)
    return interpolate(images, size=size, mode="bilinear", antialias=True)


def _middle(side: tuple[int, int], ratio: Range) -> tuple[int, int, int, int]:
    height, width = side
    if width / height < ratio[0]:
        tall, wide = round(width / ratio[0]), width
    elif width / height > ratio[1]:
        tall, wide = height, round(height * ratio[1])
    else:
        tall, wide = side
    return (height - tall) // 2, (width - wide) // 2, tall, wide
