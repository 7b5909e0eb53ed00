"""What may be done to a training picture; every draw is a function of (seed, epoch, sample, purpose)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import get_args

import numpy as np
from torch import Tensor

from striate.data.augment.affine import Affine, Fill, affine, warped
from striate.data.augment.colour import draw_factors, recoloured
from striate.data.augment.crop import Boxes, Range, cut, draw_crops, resized
from striate.data.augment.erase import erased
from striate.data.augment.mirror import draw_mirrored, draw_shift, draw_symmetry, flipped, shifted, turned
from striate.data.augment.motion import Matrices, Moves, Size
from striate.data.augment.trivial import draw_trivial, trivially_changed
from striate.data.draw import Draws, Ids
from striate.declared import declared
from striate.errors import UsageError, unknown

# Stored side over the network's, where a part of the picture is cut out or it is turned: 256 for 224.
MARGIN = 8 / 7
# Number -> the most it may be. At 0, the least, it does nothing.
MOST = {
    "shift": 0.5,
    "rotation": 180,
    "shear": 60,
    "translation": 0.5,
    "brightness": 1,
    "contrast": 1,
    "saturation": 1,
    "hue": 0.5,
    "erasing": 1,
}
# Range -> the least and the most its ends may be.
ENDS = {"area": (0.01, 1.0), "ratio": (0.1, 10.0), "scale": (0.1, 10.0)}
WHOLE = (1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What may be done to a training picture, in this order. Made without arguments it does nothing.

    `area`: a box with a share of the picture in this range is cut out and resized to the network's input; (1, 1)
    cuts nothing. `ratio` is the range of the box's width to its height (Szegedy et al. 2014).
    `flip` mirrors half of the pictures left to right; `alternate`, each one in every other epoch (Jordan 2024);
    `upside_down`, half of them top to bottom. `dihedral` takes one of the square's eight symmetries.
    `shift` is the farthest a picture may move along each axis, as a share of its side, by whole pixels; those it
    uncovers repeat the edge.
    `rotation` and `shear` are the most degrees either way, `scale` the range of its size, `translation` the farthest
    it may move, as a share of its side; `fill` is what they uncover: 'edge', 'black', 'grey' or 'white'.
    `brightness`, `contrast` and `saturation` are how far each factor may be from 1, `hue` how far hues may move, as a
    share of the circle. `trivial` is TrivialAugment's one operation a picture. `erasing` is the share of the pictures
    that get a box of noise.
    """

    area: Range = WHOLE
    ratio: Range = (3 / 4, 4 / 3)
    flip: bool = False
    alternate: bool = False
    upside_down: bool = False
    dihedral: bool = False
    shift: float = 0.0
    rotation: float = 0.0
    scale: Range = WHOLE
    shear: float = 0.0
    translation: float = 0.0
    fill: Fill = "edge"
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    trivial: bool = False
    erasing: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.type in (bool, float):
                object.__setattr__(self, each.name, declared(each.name, getattr(self, each.name), each.type))
        for name, most in MOST.items():
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise UsageError(f"{name} is {value:g}; it must be at least 0 and at most {most:g}.")
        for name, (least, most) in ENDS.items():
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise UsageError(
                    f"{name} is {low:g} to {high:g}; it must be a range from {least:g} or more to {most:g} or less."
                )
        if self.fill not in get_args(Fill):
            raise unknown("fill", self.fill, get_args(Fill))
        if self.flip and self.alternate:
            raise UsageError(
                "flip and alternate are both asked for; they mirror the same pictures. Keep one."
            )

    def __call__(
        self, images: Tensor, ids: Ids, *, seed: int, epoch: int, size: tuple[int, int] | None = None
    ) -> Tensor:
        """Return (B, C, H, W), uint8 or float32 in 0..255, changed and at `size` (height, width), or their own.

        `images` stay as they are. What becomes of a picture depends on it, its id, `seed`, `epoch` and `size` alone.
        May be called from several threads at once.
        """
        draws, side = Draws(ids, seed, epoch), (images.shape[2], images.shape[3])
        moves = self._moves(draws, side=side, size=size or side)
        images = self._placed(images, moves, size or side)
        if self.brightness or self.contrast or self.saturation or self.hue:
            images = self._recoloured(images, draws)
        if moves.trivial is not None:
            images = trivially_changed(images, moves.trivial, fill=self.fill)
        return erased(images, draws, share=self.erasing) if self.erasing else images

    @property
    def crops(self) -> bool:
        """Whether a part of the picture is cut out."""
        return self.area != WHOLE

    @property
    def warps(self) -> bool:
        """Whether the picture is turned, scaled, sheared or moved by parts of a pixel."""
        return bool(self.rotation or self.shear or self.translation or self.scale != WHOLE)

    @property
    def moves_whole_pixels(self) -> bool:
        """Whether nothing is done but to move whole pixels, which gives the same bytes on any device."""
        colours = self.brightness or self.contrast or self.saturation or self.hue
        return not (self.crops or self.warps or colours or self.trivial or self.erasing)

    @property
    def margin(self) -> float:
        """How many times the network's input the stored pictures should be along each side."""
        return MARGIN if self.crops or self.warps else 1.0

    def boxes(self, ids: Ids, *, seed: int, epoch: int, side: tuple[int, int]) -> Boxes:
        """Return the box (top, left, height, width) that is cut out of each stored picture of `side` (height, width).

        It is the whole picture where nothing is cut. With these, another program can be given the same crops.
        """
        boxes = self._moves(Draws(ids, seed, epoch), side=side, size=side).boxes
        return np.tile(np.array([0, 0, *side], np.int64), (len(ids), 1)) if boxes is None else boxes

    def motion(self, ids: Ids, *, seed: int, epoch: int, side: Size, size: Size) -> Matrices:
        """Return where the network sees each point (x, y) of the stored pictures: matrices (B, 2, 3), float64.

        `side` is the stored (height, width), `size` the network's. These are the very moves that a call makes of the
        pictures; points are counted as motion.py says: from the upper left corner, pixel i covering i to i + 1.
        """
        moves = self._moves(Draws(ids, seed, epoch), side=side, size=size)
        matrices = moves.matrices(side=side, size=size)
        return np.broadcast_to(matrices, (len(ids), 2, 3)).copy()

    def _moves(self, draws: Draws, *, side: Size, size: Size) -> Moves:
        """Draw all that moves pixels."""
        # A warp resizes too, and the finer pictures it has to take from, the less it blurs.
        at = side if self.warps and not self.crops else size
        mirrors = self.flip or self.alternate
        return Moves(
            at=at,
            boxes=draw_crops(draws, side=side, area=self.area, ratio=self.ratio) if self.crops else None,
            mirrored=draw_mirrored(draws, alternate=self.alternate) if mirrors else None,
            overturned=draws.uniform("upside-down") < 0.5 if self.upside_down else None,
            symmetry=draw_symmetry(draws, size=at) if self.dihedral else None,
            shift=draw_shift(draws, share=self.shift, size=at) if self.shift else None,
            warp=self._affine(draws, size) if self.warps else None,
            trivial=draw_trivial(draws) if self.trivial else None,
        )

    def _placed(self, images: Tensor, moves: Moves, size: Size) -> Tensor:
        """Do what moves pixels, but for TrivialAugment, which comes after colours."""
        if moves.boxes is not None:
            images = cut(images, moves.boxes, size=moves.at, mirrored=moves.mirrored)
        else:
            images = resized(images, size=moves.at)
            images = images if moves.mirrored is None else flipped(images, moves.mirrored, axis=3)
        if moves.overturned is not None:
            images = flipped(images, moves.overturned, axis=2)
        if moves.symmetry is not None:
            images = turned(images, moves.symmetry)
        if moves.shift is not None:
            images = shifted(images, moves.shift)
        return images if moves.warp is None else warped(images, moves.warp, size=size, fill=self.fill)

    def _affine(self, draws: Draws, size: Size) -> Affine:
        height, width = size
        reach = self.translation
        sheared = draws.between("shear", -self.shear, self.shear)
        return affine(
            draws.between("rotation", -self.rotation, self.rotation),
            # Evenly in the logarithm, so that half the size is as likely as twice.
            scale=np.exp(draws.between("scale", *np.log(self.scale))),
            shear=np.stack([sheared, np.zeros_like(sheared)], 1),
            move=np.stack([draws.between(f"translation-{axis}", -reach, reach) for axis in "xy"], 1)
            * [width, height],
        )

    def _recoloured(self, images: Tensor, draws: Draws) -> Tensor:
        return recoloured(
            images,
            brightness=draw_factors("brightness", draws, reach=self.brightness),
            contrast=draw_factors("contrast", draws, reach=self.contrast),
            saturation=draw_factors("saturation", draws, reach=self.saturation),
            hue=draws.between("hue", -self.hue, self.hue) if self.hue else None,
        )


# The named choices of `--augment`.
PRESETS: Mapping[str, Augment] = {
    "none": Augment(),
    "digits": Augment(shift=0.07),
    # For pictures of under 64 pixels, which a crop would leave with too few.
    "small-photos": Augment(shift=0.1, flip=True),
    "photos": Augment(area=(0.35, 1.0), flip=True, brightness=0.2, contrast=0.2, saturation=0.2),
    # Left and right differ in a body, and so do bright and dark.
    "medical": Augment(rotation=10, scale=(0.9, 1.1), translation=0.05, brightness=0.1, contrast=0.1),
    # No direction is up.
    "aerial": Augment(dihedral=True, brightness=0.2, contrast=0.2, saturation=0.2),
    "strong": Augment(area=(0.2, 1.0), flip=True, trivial=True, erasing=0.25),
}
