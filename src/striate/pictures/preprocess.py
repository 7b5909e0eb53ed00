"""The one way from a picture to a tensor, the same in train, eval, predict and every export."""

from dataclasses import dataclass, replace

import numpy as np
import PIL
import simplejpeg
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from striate.errors import UsageError
from striate.pictures.decode import decode
from striate.pictures.fit import Fit, Matrix, Place, Size, place, shrinking
from striate.pictures.pixels import STEP, TOP, Depth, Encoded, Pixels

# Raised when decoding or resizing changes, so that older packs are not taken for new.
FORM = 1
# Values normalised at a time: a megabyte.
AT_ONCE = 1 << 18
# The level around padded pictures whose mean is not known.
GREY = 128

SMALLEST_SIDE, LARGEST_SIDE = 24, 96


@dataclass(frozen=True)
class Preprocess:
    """Decode, resize to `size` (height, width) and normalise.

    `fit="crop"` scales the shorter side and cuts the middle, `"squash"` scales both sides, `"pad"` scales the longer
    side and puts the picture in the middle of `fill`. Resizing is bilinear and antialiased. `mean` and `std` are per
    channel, of values in 0..1. `depth` is the bits a value is kept in.
    `rough` lets JPEGs be decoded and resized more quickly, a few levels off: for what random crops are cut from, never
    for what a network is asked about.
    """

    size: Size
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
    def input(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of what a network sees of a picture."""
        return self.channels, *self.size

    @property
    def dtype(self) -> str:
        """The type of a row's values."""
        return f"uint{self.depth}"

    @property
    def row_bytes(self) -> int:
        """The size of a row."""
        return int(np.prod(self.shape)) * self.depth // 8

    @property
    def fill(self) -> tuple[int, ...]:
        """What stands around a padded picture: the mean, rounded to a level of 8 bits; grey where it is not known."""
        return tuple(min(max(round(mean * 255), 0), 255) for mean in self.mean) or (GREY,) * self.channels

    @property
    def how(self) -> str:
        """Everything but shape and type that decides the values of a row, by which packs are told apart."""
        versions = f"Pillow {PIL.__version__} simplejpeg {simplejpeg.__version__}"
        filter_by = f"rough torch {torch.__version__}" if self.rough else "exact"
        fit = f"pad {' '.join(map(str, self.fill))}" if self.fit == "pad" else self.fit
        return f"{FORM} {fit} {filter_by} {versions}"

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
        where = self._place((decoded.shape[0], decoded.shape[1]))
        if self._rough_resize and decoded.shape[:2] != where.size:
            pixels = _resized_roughly(decoded, where)
        else:
            pixels = _resized(decoded, where)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        return pixels if where.size == self.size else self._padded(pixels, where)

    def placement(self, size: Size, *, decoded: Size | None = None) -> Matrix:
        """Return the matrix (2, 3) from a file's own upright pixels, of `size` (height, width), to the network's.

        A point is (x, y), x to the right and y down, from the upper left corner: pixel i covers i to i + 1. `decoded`
        is the size that `decoded` gave where that is another: of a JPEG decoded roughly, for which the matrix holds to
        half a pixel, and for all else exactly.
        """
        decoded = decoded or size
        matrix = self._place(decoded).matrix
        first = shrinking(size, decoded)
        return np.column_stack([matrix[:, :2] @ first[:, :2], matrix @ [*first[:, 2], 1.0]])

    def way_back(self, size: Size, *, decoded: Size | None = None) -> Matrix:
        """Return the inverse of `placement`: the matrix from the network's pixels to the file's own."""
        matrix = self.placement(size, decoded=decoded)
        back = np.diag(1 / matrix[:, :2].diagonal())
        return np.column_stack([back, -(back @ matrix[:, 2])])

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

    @property
    def _rough_resize(self) -> bool:
        return self.rough and self.depth == 8

    def _place(self, decoded: Size) -> Place:
        return place(decoded, self.size, self.fit, whole=self._rough_resize)

    def _padded(self, pixels: Pixels, where: Place) -> Pixels:
        """Return pixels (h, w, C) in their place of a row (H, W, C), the rest filled."""
        row = np.empty(self.shape, self.dtype)
        row[:] = np.array(self.fill, self.dtype) * (1 if self.depth == 8 else STEP)
        row[where.top : where.top + where.size[0], where.left : where.left + where.size[1]] = pixels
        return row


def shallow(batch: Tensor) -> Tensor:
    """Return 16-bit pixels as float32 in 0..255, the fractions kept; any other batch as it is."""
    return batch.float().div_(STEP) if batch.dtype == torch.uint16 else batch


def resize(pixels: Pixels, *, size: Size, fit: Fit) -> Pixels:
    """Return pixels (H, W[, C]) at another size, by Pillow's antialiased bilinear filter.

    To be padded, they come at the largest size within `size`.
    """
    return _resized(pixels, place((pixels.shape[0], pixels.shape[1]), size, fit))


def _resized(pixels: Pixels, where: Place) -> Pixels:
    """Return the part of pixels (H, W[, C]) that is taken at its size, by Pillow's filter."""
    if pixels.shape[:2] == where.size:
        return pixels
    if pixels.ndim == 2 or (pixels.shape[2] == 3 and pixels.dtype == np.uint8):
        return _resized_at_once(pixels, where)
    return np.stack([_resized_at_once(band, where) for band in np.moveaxis(pixels, 2, 0)], axis=2)


def _resized_at_once(pixels: Pixels, where: Place) -> Pixels:
    """Return a part of uint8 (H, W), uint16 (H, W) or uint8 (H, W, 3) at another size."""
    # 16 bits through floats: Pillow's own 16-bit filter rounds between the two directions, and is a step off.
    deep = pixels.dtype == np.uint16
    image = Image.fromarray(pixels.astype(np.float32) if deep else np.ascontiguousarray(pixels))
    size = where.size[1], where.size[0]
    resized = np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=where.box))
    return np.rint(resized).clip(0, TOP[16]).astype(np.uint16) if deep else resized


def _resized_roughly(pixels: Pixels, where: Place) -> Pixels:
    """Return the part of uint8 pixels (H, W[, C]), cut at whole ones, as (h, w, C), by torch's filter of vectors."""
    left, top, right, bottom = map(int, where.box)
    pixels = pixels[top:bottom, left:right]
    # A batch of one whose channels come last, whole in memory, is what torch's filter is quickest with.
    batch = np.require(pixels.reshape(1, *pixels.shape[:2], -1), requirements=["C", "W"])
    images = torch.from_numpy(batch).permute(0, 3, 1, 2)
    return interpolate(images, size=where.size, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


def choose_side(*, size: int | None, median: int, own: int | None) -> tuple[int, str]:
    """Return the side of the square the network sees, and why: as asked, its own, or by the pictures' median side."""
    if size is not None:
        return size, "as asked"
    if own is not None:
        return own, "what the network was made for"
    side = max(SMALLEST_SIDE, min(LARGEST_SIDE, median) // 4 * 4)
    return side, f"the pictures' median shorter side is {median}"
