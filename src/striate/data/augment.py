"""Augmentation of uint8 batches; every draw is a function of (seed, epoch, sample, purpose)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from striate.data.draw import Ids, uniform


@dataclass(frozen=True)
class Augment:
    """What may be done to a training picture.

    `shift` is the farthest it may move along each axis, as a share of its side; pixels it uncovers repeat the
    edge. `flip` mirrors every other picture left to right.
    """

    shift: float = 0.0
    flip: bool = False

    def __call__(self, images: Tensor, ids: Ids, *, seed: int, epoch: int) -> Tensor:
        """Return a changed copy of uint8 (B, C, H, W)."""
        if self.flip:
            mirrored = torch.from_numpy(uniform("flip", ids, seed=seed, epoch=epoch) < 0.5)
            images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
        return self._shifted(images, ids, seed, epoch) if self.shift else images

    def _shifted(self, images: Tensor, ids: Ids, seed: int, epoch: int) -> Tensor:
        height, width = images.shape[2:]
        reach_y, reach_x = max(1, round(height * self.shift)), max(1, round(width * self.shift))
        top = _whole("shift-y", ids, 2 * reach_y + 1, seed, epoch)
        left = _whole("shift-x", ids, 2 * reach_x + 1, seed, epoch)
        padded = pad(images, (reach_x, reach_x, reach_y, reach_y), mode="replicate")
        places = padded.unfold(2, height, 1).unfold(3, width, 1)  # (B, C, 2Ry+1, 2Rx+1, H, W), a view
        return places[torch.arange(len(images)), :, top, left]


# The named choices of `--augment`.
PRESETS: Mapping[str, Augment] = {
    "none": Augment(),
    "digits": Augment(shift=0.07),
    "photos": Augment(shift=0.1, flip=True),
}


def _whole(purpose: str, ids: Ids, count: int, seed: int, epoch: int) -> Tensor:
    """Return one whole number in range(count) for each sample."""
    return torch.from_numpy((uniform(purpose, ids, seed=seed, epoch=epoch) * count).astype(np.int64))
