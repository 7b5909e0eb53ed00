"""EXIF orientation: reading it, and turning pixels upright."""

import numpy as np
from PIL import Image

from striate.pictures.pixels import Pixels

ORIENTATION_TAG = 0x0112
# EXIF orientation -> (transpose first, flip up-down, flip left-right).
UPRIGHT = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation from 1 to 8, 1 where it is missing or invalid."""
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # a broken tag block says nothing about the pixels
        return 1
    return value if value in UPRIGHT else 1


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels (H, W[, C]) turned and mirrored upright."""
    if orientation not in UPRIGHT:
        return pixels
    transpose, up_down, left_right = UPRIGHT[orientation]
    pixels = pixels.swapaxes(0, 1) if transpose else pixels
    pixels = pixels[::-1] if up_down else pixels
    pixels = pixels[:, ::-1] if left_right else pixels
    return np.ascontiguousarray(pixels)
