"""The contact sheet of a check: what the network will really see of some training pictures, epoch by epoch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from striate.data.audit.inventory import Gathered
from striate.data.augment.augment import PRESETS, Augment
from striate.data.augment.crop import resized
from striate.data.augment.levels import to_levels
from striate.data.draw import Ids, ids_of
from striate.display.picture import image_url, visible
from striate.pictures.preprocess import Preprocess

# Pictures on the sheet, spread over the training set, and epochs of each.
PICTURES, EPOCHS = 8, 8
# Pictures of fewer pixels a side are shown with each pixel as a square.
SMALL = 64


@dataclass(frozen=True)
class Strip:
    """One picture as it is, and as the network will see it in some epochs."""

    name: str
    urls: Sequence[str]


@dataclass(frozen=True)
class Sheet:
    """What augmentation by `preset` does to some pictures; the pixels of small ones are shown as squares."""

    preset: str
    strips: Sequence[Strip]
    small: bool


def contact_sheet(data: Gathered, preprocess: Preprocess, preset: str) -> Sheet:
    """Return, for some readable training pictures, what comes out of resizing, and of augmentation in each epoch."""
    strips = list(_strips(data, preprocess, PRESETS[preset]))
    return Sheet(preset, strips, small=max(preprocess.size) < SMALL)


def as_seen(images: Tensor, ids: Ids, augment: Augment, *, size: tuple[int, int]) -> Tensor:
    """Return stored pictures (N, C, H, W), uint8 or float32 in 0..255, as evaluated and in the first epochs.

    Comes as (N, 1 + EPOCHS, C, height, width) uint8: the very pixels of a training with seed 0, but for MixUp and
    CutMix, which need a whole batch.
    """
    trained = [augment(images, ids, seed=0, epoch=epoch, size=size) for epoch in range(EPOCHS)]
    every = [resized(images, size=size), *trained]
    return torch.stack([to_levels(each.float(), torch.uint8) for each in every], dim=1)


def _strips(data: Gathered, preprocess: Preprocess, augment: Augment) -> Iterator[Strip]:
    learned = data.splits.index("train") if "train" in data.splits else 0
    mine = data.readable[data.split[data.readable] == learned]
    chosen = mine[np.unique(np.linspace(0, len(mine) - 1, PICTURES).astype(np.int64))] if len(mine) else mine
    if not len(chosen):
        return
    names = [data.name(position) for position in chosen.tolist()]
    stored = preprocess.enlarged(augment.margin)
    images = torch.stack([torch.from_numpy(stored.pixels(data.read(i))) for i in chosen.tolist()])
    pictures = as_seen(images, ids_of(names), augment, size=preprocess.size)
    for name, row in zip(names, pictures, strict=True):
        yield Strip(name, [_url(each) for each in row])


def _url(picture: Tensor) -> str:
    """Return a picture (C, H, W) uint8 as a data URL."""
    return image_url(visible(picture.permute(1, 2, 0).contiguous().numpy()))
