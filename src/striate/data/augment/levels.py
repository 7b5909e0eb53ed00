"""Arithmetic on pictures: a batch, uint8 or float32 in 0..255, is worked on as floats, some pictures at a time."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float64]  # (B,): one for each sample

# Floats (n, C, H, W) of some pictures, which may be overwritten, and which ones they are -> floats in 0..255 or beyond.
Work = Callable[[Tensor, slice], Tensor]

# The values worked on at a time, so that they stay in a processor's cache between one operation and the next.
PIECE = 1 << 18
WHITE = 255.0
# Sums are of whole numbers, this many to a level, so that they are the same in whatever order they are made.
PARTS = 4096


def rewritten(images: Tensor, work: Work, *, size: tuple[int, int] | None = None) -> Tensor:
    """Return (B, C, H, W) as `work` returns it, cut off at 0 and 255, and rounded where it is bytes.

    `size` is the (H, W) that `work` returns, where it is another. The channels of the result come first in memory.
    """
    out = torch.empty((*images.shape[:2], *(size or images.shape[2:])), dtype=images.dtype)
    for part in _parts(len(images), images):
        floats = images[part].contiguous().to(torch.float32, copy=True)
        out[part] = to_levels(work(floats, part), images.dtype)
    return out


def rewrite(images: Tensor, chosen: NDArray[np.int64], work: Work) -> None:
    """Put what `work` returns of the chosen pictures in their place; the channels of `images` come first in memory."""
    for part in _parts(len(chosen), images):
        rows = torch.from_numpy(chosen[part])
        floats = images.index_select(0, rows).to(torch.float32)
        # One by one, since assigning to many rows at once takes twenty times as long.
        for row, picture in zip(rows.tolist(), to_levels(work(floats, part), images.dtype), strict=True):
            images[row] = picture


def to_levels(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return floats cut off at 0 and 255, and rounded where they are to be bytes; the floats may be overwritten."""
    values = values.clamp_(0, WHITE)
    # By way of int16, since straight to uint8 takes four times as long.
    return values.round_().to(torch.int16).to(torch.uint8) if dtype == torch.uint8 else values


def column(values: Numbers) -> Tensor:
    """Return one number a picture as float32 (n, 1, 1, 1), to be multiplied with pictures."""
    return torch.from_numpy(values.astype(np.float32)).view(-1, 1, 1, 1)


def means(planes: Tensor) -> Numbers:
    """Return the mean (n,) of floats (n, 1, H, W), the same to the last bit whatever stands beside a picture."""
    sums = (planes * PARTS).to(torch.int32).sum((1, 2, 3), dtype=torch.int64)
    return sums.numpy() / (PARTS * planes[0].numel())


def _parts(count: int, images: Tensor) -> list[slice]:
    """Return the pieces in which so many pictures like those of a batch are worked on."""
    step = max(1, PIECE // max(1, images[:1].numel()))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
