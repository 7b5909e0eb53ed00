"""The one way from a picture to a tensor, the same in train, eval, predict and every export."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import PIL
import simplejpeg
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from striate.data.decode import Channels, Pixels, decode
from striate.data.pictures import Encoded

Fit = Literal["crop", "squash"]
# Raised when decoding or resizing changes, so that older packs are not taken for new.
FORM = 1


@dataclass(frozen=True)
class Preprocess:
    """Decode, resize to `size` (height, width) and normalise.

    `fit="crop"` scales the shorter side and cuts the middle, `"squash"` scales both sides. Resizing is bilinear and
    antialiased. `mean` and `std` are per channel, of values in 0..1.
    """

    size: tuple[int, int]
    channels: Channels
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (H, W, C) of a row."""
        return (*self.size, self.channels)

    @property
    def dtype(self) -> str:
        """The type of a row's values."""
        return "uint8"

    @property
    def row_bytes(self) -> int:
        """The size of a row."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    @property
    def how(self) -> str:
        """Everything but shape and type that decides the values of a row, by which packs are told apart."""
        return f"{FORM} {self.fit} Pillow {PIL.__version__} simplejpeg {simplejpeg.__version__}"

    def enlarged(self, margin: float) -> "Preprocess":
        """Return how pictures are stored that crops are cut from, `margin` times as large along each side."""
        height, width = self.size
        return replace(self, size=(round(height * margin), round(width * margin)))

    def row(self, picture: Encoded | Image.Image) -> NDArray[np.uint8]:
        """Return the resized pixels (H, W, C); raises BadPicture."""
        pixels = resize(decode(picture, channels=self.channels), size=self.size, fit=self.fit)
        return pixels[:, :, None] if pixels.ndim == 2 else pixels

    def pixels(self, picture: Encoded | Image.Image) -> NDArray[np.uint8]:
        """Return the resized pixels (C, H, W) as uint8, the caller's own; raises BadPicture."""
        pixels = resize(decode(picture, channels=self.channels), size=self.size, fit=self.fit)
        return np.array(pixels[None] if self.channels == 1 else pixels.transpose(2, 0, 1), order="C")

    def normalise(self, batch: Tensor) -> Tensor:
        """Return uint8 (B, C, H, W) as float32: ((x / 255) - mean) / std."""
        mean = torch.tensor(self.mean, device=batch.device).view(-1, 1, 1)
        std = torch.tensor(self.std, device=batch.device).view(-1, 1, 1)
        return batch.float().sub_(mean * 255).mul_(1 / (std * 255))


def resize(pixels: Pixels, *, size: tuple[int, int], fit: Fit) -> Pixels:
    """Return pixels (H, W[, 3]) at another size, by Pillow's antialiased bilinear filter."""
    if pixels.shape[:2] == size:
        return pixels
    box = _middle(pixels.shape[:2], size) if fit == "crop" else None
    image = Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box)
    return np.asarray(image)


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
