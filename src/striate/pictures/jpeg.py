"""JPEG by libjpeg-turbo, to the very pixels Pillow has of the same file, or smaller ones on the way to less."""

import re
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from striate.pictures.pixels import MAX_PIXELS, BadPicture, Pixels

# What libjpeg says of files whose every pixel is there.
HARMLESS = re.compile("unknown JFIF revision|extraneous bytes before marker 0xd9")
# Every 64 pixels take a bit at least, in the component sampled finest, which may have a sixteenth of the picture's.
PIXELS_PER_BYTE = 8 * 64 * 16
# By what a rough decode may divide the sides. libjpeg-turbo has others, which take longer than a full decode.
FACTORS = (8, 4, 2)


class PlainJpeg(NamedTuple):
    """A JPEG that is grey, YCbCr or RGB, by its header: its bytes, size and colours."""

    data: bytes
    height: int
    width: int
    colours: str


def plain_jpeg(data: bytes) -> PlainJpeg | None:
    """Return what the header of a JPEG says; None for CMYK and YCCK, which Pillow knows to read, and other files.

    Raises BadPicture where it has more pixels than a picture, or so many bytes, may have.
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
    ):  # libjpeg would paint all of them grey before it complains
        raise BadPicture(f"{width} x {height} pixels cannot be in {len(data):,} bytes")
    return PlainJpeg(data, height, width, colours) if colours in ("Gray", "YCbCr", "RGB") else None


def decode_jpeg(jpeg: PlainJpeg, *, channels: int, at_least: tuple[int, int]) -> Pixels | None:
    """Return the pixels as stored, or None for a whole file that libjpeg-turbo complains of and Pillow reads.

    With `at_least` (height, width) not zero they may come at a half, a quarter or an eighth of the size, if that is no
    smaller, and by libjpeg's quicker transforms: not the pixels of a full decode. Raises ValueError where the file is
    damaged.
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
        # From RGB, not from the file's own luminance, which differs by a few levels from what Pillow gives.
        return pixels[:, :, 0] if pixels.shape[2] == 1 else np.asarray(Image.fromarray(pixels).convert("L"))
    return pixels


def _rough_size(jpeg: PlainJpeg, at_least: tuple[int, int]) -> tuple[int, int]:
    """Return the size at the largest of FACTORS that leaves enough, or zeros for a full decode."""
    if not all(at_least):
        return 0, 0
    for factor in FACTORS:
        height, width = -(-jpeg.height // factor), -(-jpeg.width // factor)
        if height >= at_least[0] and width >= at_least[1]:
            return height, width
    return 0, 0
