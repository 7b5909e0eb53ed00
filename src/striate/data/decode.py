"""From a file's bytes to upright 8-bit pixels, grey or RGB. Content decides what a file is, never its name."""

import io
from typing import Any, Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from striate.data.pictures import Encoded

Pixels = NDArray[np.uint8]  # (H, W) grey or (H, W, 3) RGB
Channels = Literal[1, 3]

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
# Transparent pictures are laid on this colour.
BACKGROUND = (255, 255, 255, 255)
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


class BadPicture(Exception):
    """A file that cannot be decoded; the text is the reason."""


def decode(picture: Encoded | Image.Image, *, channels: Channels) -> Pixels:
    """Return upright pixels of a file's bytes, an array (H, W[, C]) or a Pillow image.

    Bytes: whatever FORMATS holds. 16-bit pictures are scaled by their range, transparency is laid on white, the
    first frame of an animation is taken. Raises BadPicture with the reason.
    """
    try:
        if (
            isinstance(picture, np.ndarray)
            and picture.dtype == np.uint8
            and picture.ndim == 2
            and channels == 1
        ):
            return picture
        if isinstance(picture, bytes) and picture[:2] == b"\xff\xd8" and _is_plain_jpeg(picture):
            return _decode_jpeg(picture, channels)
        return _from_pillow(_open(picture), channels)
    except BadPicture:
        raise
    except (
        OSError,
        ValueError,
        SyntaxError,
        TypeError,
        EOFError,
        Image.DecompressionBombError,
        Warning,
    ) as error:
        raise BadPicture(_reason(picture, error)) from error


def is_grey(picture: Encoded | Image.Image) -> bool:
    """Say from its header alone whether a picture is stored without colour; one that cannot be read is."""
    if isinstance(picture, np.ndarray):
        return picture.ndim == 2 or picture.shape[2] == 1
    try:
        image = _open(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        return True
    return image.mode in ("1", "L", "LA", "I", "F") or image.mode.startswith("I;16")


def size_of(picture: Encoded | Image.Image) -> tuple[int, int] | None:
    """Return (height, width) from the header alone, or None where it cannot be read."""
    if isinstance(picture, np.ndarray):
        return picture.shape[0], picture.shape[1]
    try:
        width, height = _open(picture).size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        return None
    return height, width


def _open(picture: Encoded | Image.Image) -> Image.Image:
    if isinstance(picture, Image.Image):
        return picture
    if isinstance(picture, bytes):
        return Image.open(io.BytesIO(picture), formats=FORMATS)
    if picture.dtype != np.uint8:
        raise BadPicture(f"an array of {picture.dtype}; wanted uint8 (H, W), (H, W, 3) or (H, W, 4)")
    return Image.fromarray(picture[:, :, 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture)


def _is_plain_jpeg(data: bytes) -> bool:
    """Say whether a JPEG is grey or YCbCr; CMYK and YCCK need Pillow, which knows the Adobe marker."""
    return simplejpeg.decode_jpeg_header(data)[2] in ("Gray", "YCbCr", "RGB")


def _decode_jpeg(data: bytes, channels: Channels) -> Pixels:
    pixels: Pixels = simplejpeg.decode_jpeg(data, "GRAY" if channels == 1 else "RGB")
    return _turn_upright(pixels[:, :, 0] if channels == 1 else pixels, _orientation(data))


def _orientation(data: bytes) -> int:
    """Return the EXIF orientation of a JPEG, 1 where it has none or one that means nothing."""
    if b"Exif\x00\x00" not in data[:65536]:
        return 1
    value = Image.open(io.BytesIO(data), formats=("JPEG",)).getexif().get(ORIENTATION_TAG, 1)
    return value if value in UPRIGHT else 1


def _turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    if orientation == 1:
        return pixels
    transpose, up_down, left_right = UPRIGHT[orientation]
    pixels = pixels.swapaxes(0, 1) if transpose else pixels
    pixels = pixels[::-1] if up_down else pixels
    pixels = pixels[:, ::-1] if left_right else pixels
    return np.ascontiguousarray(pixels)


def _from_pillow(image: Image.Image, channels: Channels) -> Pixels:
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_deep_to_bytes(np.asarray(image)))
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, BACKGROUND), rgba)
    return np.asarray(image.convert("L" if channels == 1 else "RGB"))


def _deep_to_bytes(values: NDArray[Any]) -> Pixels:
    """Scale 16-bit values from 0..65535, and floats from 0..1, to 0..255: by the range of the type, not of the data."""
    top = 1.0 if values.dtype.kind == "f" else 65535.0
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= top):
        raise BadPicture(f"{values.dtype} values from {values.min()} to {values.max()}; wanted 0 to {top:g}")
    return np.rint(values * (255.0 / top)).astype(np.uint8)


def _reason(picture: Encoded | Image.Image, error: Exception) -> str:
    """Return why a picture cannot be decoded, in a few words and without addresses in memory."""
    if isinstance(picture, bytes) and not picture:
        return "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture of a known format"
    return str(error).strip() or type(error).__name__
