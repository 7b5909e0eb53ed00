"""Progressive image size: a run starts on smaller pictures, which cost less, and ends on full-size ones.

After Howard's entry to DAWNBench (2018, https://www.fast.ai/posts/2018-04-30-dawnbench-fastai.html), with the linear
growth of FFCV's ResNet (Leclerc et al. 2023, https://arxiv.org/abs/2306.12517). Things look larger to a network at
the end than at the start (Touvron et al. 2019, "Fixing the train-test resolution discrepancy",
https://arxiv.org/abs/1906.06423), so the last part of the run is at full size, where norms and weights adapt.
"""

import math

from torch import Tensor
from torch.nn.functional import interpolate

# The share of a run after which pictures have full size, and the largest number of sizes they go through.
GROWN = 0.75
STEPS = 8
# Sides are multiples of this many pixels, or of more where there would be more than STEPS.
PIXELS = 4


def side_at(progress: float, *, full: int, first: float) -> int:
    """Return the side in pixels at `progress` from 0 to 1, which grows from about `first` times `full` to `full`."""
    if progress >= GROWN or first == 1:
        return full
    unit = max(PIXELS, -(-full // STEPS // PIXELS) * PIXELS)
    side = full * (first + (1 - first) * progress / GROWN)
    return min(full, math.ceil(side / unit) * unit)


def sides(full: int, first: float) -> list[int]:
    """Return every side that a run uses, the smallest first."""
    return sorted({side_at(i / 1000, full=full, first=first) for i in range(1001)})


def shrink(images: Tensor, side: int) -> Tensor:
    """Return images (B, C, H, W) with their shorter side at `side`, antialiased, in the same memory format."""
    height, width = images.shape[2:]
    if min(height, width) == side:
        return images
    scale = side / min(height, width)
    size = (round(height * scale), round(width * scale))
    return interpolate(images, size, mode="bilinear", antialias=True)
