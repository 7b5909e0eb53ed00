"""Arithmetic on pictures: a batch, uint8 or float32 in 0..255, is worked on as floats, some pictures at a time."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float64]  # (B,): one for each sample

# Floats (n, C, H, W) of some pictures, and which of the chosen ones they are -> floats, which need not be in range.
Work = Callable[[Tensor, slice], Tensor]

# The values worked on at a time, so that they stay in a processor's cache between one operation and the next.
PIECE = 1 << 18
WHITE = 255.0
# Sums are of whole numbers, this many to a level, so that they are the same in whatever order they are made.
PARTS = 4096


def rewritten(
    images: Tensor,
    work: Work,
    *,
    chosen: NDArray[np.int64] | None = None,
    size: tuple[int, int] | None = None,
) -> Tensor:
    """Return (B, C, H, W) with the chosen pictures, or all of them, as `work` returns them.

    Values are cut off at 0 and 255, and rounded where they are bytes. `size` is the (H, W) that `work` returns, where
    it is another.
    """
    order = order_of(images)
    if size is None:
        out = images.clone()
    else:
        out = torch.empty((*images.shape[:2], *size), dtype=images.dtype).contiguous(memory_format=order)
    index = torch.arange(len(images)) if chosen is None else torch.from_numpy(chosen)
    step = max(1, PIECE // max(1, images[:1].numel()))
    for start in range(0, len(index), step):
        part = slice(start, start + step)
        floats = images[index[part]].to(torch.float32, memory_format=torch.contiguous_format)
        out[index[part]] = to_levels(work(floats, part), images.dtype)
    return out


def to_levels(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return floats cut off at 0 and 255, and rounded where they are to be bytes."""
    values = values.clamp(0, WHITE)
    # By way of int16, since straight to uint8 takes four times as long.
    return values.round_().to(torch.int16).to(torch.uint8) if dtype == torch.uint8 else values


def column(values: Numbers) -> Tensor:
    """Return one number a picture as float32 (n, 1, 1, 1), to be multiplied with pictures."""
    return torch.from_numpy(values.astype(np.float32)).view(-1, 1, 1, 1)


def channel_means(floats: Tensor) -> NDArray[np.float64]:
    """Return the mean (n, C) of each channel, the same to the last bit whatever stands beside a picture."""
    sums = (floats * PARTS).to(torch.int32).sum((2, 3), dtype=torch.int64)
    return sums.numpy() / (PARTS * floats.shape[2] * floats.shape[3])


def order_of(images: Tensor) -> torch.memory_format:
    """Return the memory order of a batch."""
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
