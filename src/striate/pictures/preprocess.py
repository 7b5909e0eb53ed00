"""The one way from a picture to a tensor, the same in train, eval, predict and every export."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import PIL
import simplejpeg
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from striate.errors import UsageError
from striate.pictures.decode import decode
from striate.pictures.encoded import Encoded
from striate.pictures.pixels import STEP, TOP, Depth, Pixels

Fit = Literal["crop", "squash"]
# Raised when decoding or resizing changes, so that older packs are not taken for new.
FORM = 1
# Values normalised at a time: a megabyte.
AT_ONCE = 1 << 18

SMALLEST_SIDE, LARGEST_SIDE = 24, 96


@dataclass(frozen=True)
class Preprocess:
    """Decode, resize to `size` (height, width) and normalise.

    `fit="crop"` scales the shorter side and cuts the middle, `"squash"` scales both sides. Resizing is bilinear and
    antialiased. `mean` and `std` are per channel, of values in 0..1. `depth` is the bits a value is kept in.
    `rough` lets JPEGs be decoded and resized more quickly, a few levels off: for what random crops are cut from, never
    for what a network is asked about.
    """

    size: tuple[int, int]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"
    depth: Depth = 8
    rough: bool = False

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise UsageError(f"channels is {self.channels}; it must be at least 1.")
        for name in ("mean", "std"):
            if len(values := getattr(self, name)) not in (0, self.channels):
                raise UsageError(f"{name} has {len(values)} values for {self.channels} channels.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (H, W, C) of a row."""
        return (*self.size, self.channels)

    @property
    def dtype(self) -> str:
        """The type of a row's values."""
        return f"uint{self.depth}"

    @property
    def row_bytes(self) -> int:
        """The size of a row."""
        return int(np.prod(self.shape)) * self.depth // 8

    @property
    def how(self) -> str:
        """Everything but shape and type that decides the values of a row, by which packs are told apart."""
        versions = f"Pillow {PIL.__version__} simplejpeg {simplejpeg.__version__}"
        filter_by = f"rough torch {torch.__version__}" if self.rough else "exact"
        return f"{FORM} {self.fit} {filter_by} {versions}"

    def enlarged(self, margin: float) -> "Preprocess":
        """Return how pictures are stored that crops are cut from, `margin` times as large along each side."""
        if margin == 1:
            return self
        height, width = self.size
        return replace(self, size=(round(height * margin), round(width * margin)), rough=True)

    def row(self, picture: Encoded | Image.Image) -> Pixels:
        """Return the resized pixels (H, W, C), uint8 or uint16 by `depth`; raises BadPicture."""
        return self.fitted(self.decoded(picture))

    def decoded(self, picture: Encoded | Image.Image) -> Pixels:
        """Return upright pixels (H, W[, C]) not yet resized; raises BadPicture."""
        at_least = self.size if self.rough else (0, 0)
        return decode(picture, channels=self.channels, depth=self.depth, at_least=at_least)

    def fitted(self, decoded: Pixels) -> Pixels:
        """Return decoded pixels resized to (H, W, C)."""
        if self.rough and decoded.dtype == np.uint8 and decoded.shape[:2] != self.size:
            return _resized_roughly(decoded, self.size, self.fit)
        pixels = resize(decoded, size=self.size, fit=self.fit)
        return pixels[:, :, None] if pixels.ndim == 2 else pixels

    def pixels(self, picture: Encoded | Image.Image) -> Pixels:
        """Return the resized pixels (C, H, W), the caller's own; raises BadPicture."""
        return np.array(self.row(picture).transpose(2, 0, 1), order="C")

    def normalise(self, batch: Tensor) -> Tensor:
        """Return uint8, uint16, or float32 on the scale of 8 bits (B, C, H, W) as float32: ((x / 255) - mean) / std."""
        mean = torch.tensor(self.mean, device=batch.device) * 255
        scale = 1 / (torch.tensor(self.std, device=batch.device) * 255)
        values = torch.empty_like(batch, dtype=torch.float32)
        pictures, out = shallow(batch), values
        if batch.is_contiguous(memory_format=torch.channels_last) and not batch.is_contiguous():
            # As rows of width x channels, which the processor's vectors take many of at a time.
            pictures, out = (images.permute(0, 2, 3, 1).flatten(2) for images in (pictures, values))
            mean, scale = mean.repeat(batch.shape[3]), scale.repeat(batch.shape[3])
        else:
            mean, scale = mean.view(-1, 1, 1), scale.view(-1, 1, 1)
        # A few pictures at a time, so that each step finds them in the processor's cache; elsewhere all in one go.
        at_once = AT_ONCE if batch.device.type == "cpu" else batch.numel()
        together = max(1, at_once * len(batch) // max(1, batch.numel()))
        for some, given in zip(out.split(together), pictures.split(together), strict=True):
            some.copy_(given).sub_(mean).mul_(scale)
        return values


def shallow(batch: Tensor) -> Tensor:
    """Return 16-bit pixels as float32 in 0..255, the fractions kept; any other batch as it is."""
    return batch.float().div_(STEP) if batch.dtype == torch.uint16 else batch


def resize(pixels: Pixels, *, size: tuple[int, int], fit: Fit) -> Pixels:
    """Return pixels (H, W[, C]) at another size, by Pillow's antialiased bilinear filter."""
    if pixels.shape[:2] == size:
        return pixels
    box = _middle(pixels.shape[:2], size) if fit == "crop" else None
    if pixels.ndim == 2 or (pixels.shape[2] == 3 and pixels.dtype == np.uint8):
        return _resized(pixels, size, box)
    return np.stack([_resized(band, size, box) for band in np.moveaxis(pixels, 2, 0)], axis=2)


def _resized(pixels: Pixels, size: tuple[int, int], box: tuple[float, float, float, float] | None) -> Pixels:
    """Return uint8 (H, W), uint16 (H, W) or uint8 (H, W, 3) at another size."""
    # 16 bits through floats: Pillow's own 16-bit filter rounds between the two directions, and is a step off.
    deep = pixels.dtype == np.uint16
    image = Image.fromarray(pixels.astype(np.float32) if deep else np.ascontiguousarray(pixels))
    resized = np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box))
    return np.rint(resized).clip(0, TOP[16]).astype(np.uint16) if deep else resized


def _resized_roughly(pixels: Pixels, size: tuple[int, int], fit: Fit) -> Pixels:
    """Return uint8 pixels (H, W[, C]) as (*size, C), cut at whole pixels, by torch's filter, which uses vectors."""
    if fit == "crop":
        left, top, right, bottom = map(round, _middle(pixels.shape[:2], size))
        pixels = pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    # A batch of one whose channels come last, whole in memory, is what torch's filter is quickest with.
    batch = np.require(pixels.reshape(1, *pixels.shape[:2], -1), requirements=["C", "W"])
    images = torch.from_numpy(batch).permute(0, 3, 1, 2)
    return interpolate(images, size=size, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


def _middle(have: tuple[int, ...], want: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the largest centred box (left, top, right, bottom) with the proportions of `want`."""
    # The side that is kept whole is taken as it is: its ratio, multiplied out again, may pass the edge by a bit.
    height, width = float(have[0]), float(have[1])
    if have[0] * want[1] > have[1] * want[0]:
        height = want[0] * width / want[1]
    else:
        width = want[1] * height / want[0]
    top, left = (have[0] - height) / 2, (have[1] - width) / 2
    return left, top, left + width, top + height


def choose_side(*, size: int | None, median: int, own: int | None) -> tuple[int, str]:
    """Return the side of the square the network sees, and why: as asked, its own, or by the pictures' median side."""
    if size is not None:
        return size, "as asked"
    if own is not None:
        return own, "what the network was made for"
    side = max(SMALLEST_SIDE, min(LARGEST_SIDE, median) // 4 * 4)
    return side, f"the pictures' median shorter side is {median}"
