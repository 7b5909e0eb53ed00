"""What may be done to a training picture; every draw is a function of (seed, epoch, sample, purpose)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from striate.data.crop import Boxes, Range, cut, draw_crops, resized
from striate.data.draw import Draws, Ids
from striate.data.mirror import draw_mirrored, flipped, shifted, turned
from striate.errors import UsageError

Fill = Literal["edge", "black", "grey", "white"]

# Stored side over the network's, where a part of the picture is cut out or it is turned: 256 for 224.
MARGIN = 8 / 7
# Setting -> the most it may be; 0 is the least, and does nothing.
MOST = {"shift": 0.5}
# Setting -> the least and the most both ends of the range may be.
WITHIN = {"area": (0.0, 1.0), "ratio": (0.01, 100.0)}


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What may be done to a training picture, in this order. Made as it stands, it does nothing.

    `area`: a box of a share of the picture in this range is cut out and resized to the network's input; (1, 1) cuts
    nothing. `ratio` is the range of the box's width to its height (Szegedy et al. 2014).
    `flip` mirrors every other picture left to right, `alternate` each one in every other epoch (Jordan 2024);
    `upside_down` mirrors every other one top to bottom; `dihedral` takes one of the square's eight symmetries.
    `shift` is the farthest it may move along each axis, as a share of its side; pixels it uncovers repeat the edge.
    """

    area: Range = (1.0, 1.0)
    ratio: Range = (3 / 4, 4 / 3)
    flip: bool = False
    alternate: bool = False
    upside_down: bool = False
    dihedral: bool = False
    shift: float = 0.0

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise UsageError(f"{name} is {value}; it must be at least 0 and at most {most:g}.")
        for name, (least, most) in WITHIN.items():
            low, high = value = getattr(self, name)
            if not least < low <= high <= most:
                raise UsageError(
                    f"{name} is {value}; it must be two numbers over {least:g}, the lesser first, at most {most:g}."
                )

    @property
    def crops(self) -> bool:
        """Whether a part of the picture is cut out."""
        return self.area != (1.0, 1.0)

    @property
    def margin(self) -> float:
        """How much larger than the network's input the stored pictures should be along each side."""
        return MARGIN if self.crops else 1.0

    def __call__(
        self, images: Tensor, ids: Ids, *, seed: int, epoch: int, size: tuple[int, int] | None = None
    ) -> Tensor:
        """Return (B, C, H, W), uint8 or float32 in 0..255, changed and at `size` (height, width), their own if None.

        `images` stay as they are. What becomes of a picture depends on it, its id, `seed` and `epoch` alone. May be
        called from several threads at once.
        """
        draws = Draws(ids, seed, epoch)
        size = size or (images.shape[2], images.shape[3])
        mirrored = draw_mirrored(draws, alternate=self.alternate) if self.flip or self.alternate else None
        if self.crops:
            images = cut(
                images,
                self.boxes(ids, seed=seed, epoch=epoch, side=_side(images)),
                size=size,
                mirrored=mirrored,
            )
        else:
            images = resized(images, size=size)
            images = images if mirrored is None else flipped(images, mirrored, axis=3)
        if self.upside_down:
            images = flipped(images, draws.uniform("upside-down") < 0.5, axis=2)
        if self.dihedral:
            images = turned(images, draws)
        return shifted(images, draws, share=self.shift) if self.shift else images

    def boxes(self, ids: Ids, *, seed: int, epoch: int, side: tuple[int, int]) -> Boxes:
        """Return the box (top, left, height, width) that is cut out of each stored picture of `side` (height, width).

        The whole picture where nothing is cut. So another program can be given the very crops.
        """
        if not self.crops:
            return np.tile(np.array([0, 0, *side], np.int64), (len(ids), 1))
        return draw_crops(Draws(ids, seed, epoch), side=side, area=self.area, ratio=self.ratio)


# The named choices of `--augment`.
PRESETS: Mapping[str, Augment] = {
    "none": Augment(),
    "digits": Augment(shift=0.07),
    "small-photos": Augment(shift=0.1, flip=True),
    "photos": Augment(area=(0.35, 1.0), flip=True),
}


def _side(images: Tensor) -> tuple[int, int]:
    return images.shape[2], images.shape[3]
