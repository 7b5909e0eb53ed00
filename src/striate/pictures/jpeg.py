"""Decoding JPEG with libjpeg-turbo, to the same pixels as Pillow, or quickly at a reduced size."""

import re
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from striate.pictures.pixels import MAX_PIXELS, BadPicture, Pixels

# Complaints of libjpeg about files of which every pixel can be decoded.
HARMLESS = re.compile("unknown JFIF revision|extraneous bytes before marker 0xd9")
# The most pixels a byte can encode: 64 samples take at least a bit, and of 16 pixels one may be sampled.
PIXELS_PER_BYTE = 8 * 64 * 16
# Divisors of the sides in a decode at reduced size; other ones of libjpeg-turbo are slower than a full decode.
FACTORS = (8, 4, 2)


class PlainJpeg(NamedTuple):
    """A JPEG whose header says that it is grey, YCbCr or RGB: its bytes, its size and its colour space."""

    data: bytes
    height: int
    width: int
    colours: str


def plain_jpeg(data: bytes) -> PlainJpeg | None:
    """Return a JPEG with its header read; None for CMYK and YCCK, which are left to Pillow, and for any other file.

    Raises BadPicture where it has more than MAX_PIXELS, or more pixels than its bytes can encode.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except ValueError:  # among them rare forms of subsampling, which Pillow reads
        return None
    if height * width > MAX_PIXELS:
        raise BadPicture(f"{width} x {height} pixels are more than the {MAX_PIXELS:,} a picture may have")
    if (
        height * width > len(data) * PIXELS_PER_BYTE
    ):  # libjpeg would fill them all with grey before it complains
        raise BadPicture(f"{width} x {height} pixels cannot be in {len(data):,} bytes")
    return PlainJpeg(data, height, width, colours) if colours in ("Gray", "YCbCr", "RGB") else None


def decode_jpeg(jpeg: PlainJpeg, *, channels: int, at_least: tuple[int, int]) -> Pixels | None:
    """Return the pixels as stored, or None for an intact file that libjpeg-turbo complains about and Pillow reads.

    With `at_least` (height, width) not zero, libjpeg's faster and less exact transforms are used, and the size may be a
    half, a quarter or an eighth, if that is not smaller than `at_least`. Raises ValueError where the file is damaged.
    """
    wanted = "GRAY" if jpeg.colours == "Gray" and channels == 1 else "RGB"
    rough, (height, width) = any(at_least), _rough_size(jpeg, at_least)
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(jpeg.data, wanted, rough, min_height=height, min_width=width)
    except ValueError as error:
        if HARMLESS.search(str(error)):
            return None
        raise
    if channels == 1:
        # From RGB, since the file's own luminance differs by a few levels from Pillow's grey.
        return pixels[:, :, 0] if pixels.shape[2] == 1 else np.asarray(Image.fromarray(pixels).convert("L"))
    return pixels


def _rough_size(jpeg: PlainJpeg, at_least: tuple[int, int]) -> tuple[int, int]:
    """Return the size by the largest of FACTORS that is not below `at_least`, or (0, 0) for a full decode."""
    if not all(at_least):
        return 0, 0
    for factor in FACTORS:
        height, width = -(-jpeg.height // factor), -(-jpeg.width // factor)
        if height >= at_least[0] and width >= at_least[1]:
            return height, width
    return 0, 0
