"""From a file's bytes to upright 8-bit pixels, grey or RGB. Content decides what a file is, never its name."""

import io
import re
from typing import Any, Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from striate.data.pictures import Encoded

Pixels = NDArray[np.uint8]  # (H, W) grey or (H, W, 3) RGB
Channels = Literal[1, 3]

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
# Where Pillow calls a picture a decompression bomb.
MAX_PIXELS = 178_956_970
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
GREY_MODES = {"1", "L", "LA", "I", "F"}
# The errors of decoders that say what is wrong; others, such as a KeyError, stumbled over it.
SPEAKING = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning)
# What libjpeg says of files whose every pixel is there.
HARMLESS = re.compile("unknown JFIF revision|extraneous bytes before marker 0xd9")


class BadPicture(Exception):
    """A file that cannot be decoded; the text is the reason."""


def decode(picture: Encoded | Image.Image, *, channels: Channels) -> Pixels:
    """Return upright pixels of a file's bytes, an array (H, W[, C]) or a Pillow image.

    Bytes: whatever FORMATS holds. 16-bit pictures are scaled by their range, transparency is laid on white, the
    first frame of an animation is taken. Raises BadPicture with the reason.
    """
    try:
        if isinstance(picture, np.ndarray):
            _refuse_odd_array(picture)
            if picture.ndim == 2 and channels == 1:
                return picture
        if isinstance(picture, bytes) and (colours := _plain_jpeg(picture)):
            return _decode_jpeg(picture, colours, channels)
        return _from_pillow(_open(picture), channels)
    except BadPicture:
        raise
    except Exception as error:  # what decoders raise of a stranger's bytes is in no list
        raise BadPicture(_reason(picture, error)) from error


def is_grey(picture: Encoded | Image.Image) -> bool:
    """Say whether a picture is stored without colour; one that cannot be read is."""
    if isinstance(picture, np.ndarray):
        return picture.ndim == 2 or picture.shape[2] == 1
    try:
        image = _open(picture)
        return image.mode in GREY_MODES or image.mode.startswith("I;16") or _has_grey_palette(image)
    except Exception:  # as in decode
        return True


def size_of(picture: Encoded | Image.Image) -> tuple[int, int] | None:
    """Return (height, width) as stored, from the header alone, or None where it cannot be read."""
    if isinstance(picture, np.ndarray):
        return picture.shape[0], picture.shape[1]
    try:
        width, height = _open(picture).size
    except Exception:  # as in decode
        return None
    return height, width


def is_animated(picture: Encoded) -> bool:
    """Say whether a file's bytes hold more than one frame, of which `decode` takes the first."""
    if not isinstance(picture, bytes) or not _may_move(picture):
        return False
    try:
        return bool(getattr(_open(picture), "is_animated", False))
    except Exception:  # as in decode
        return False


def _may_move(data: bytes) -> bool:
    """Say from its first bytes whether a file may be an animation, so that most need not be opened to know."""
    return data.startswith((b"GIF8", b"RIFF", b"II*\0", b"MM\0*")) or b"acTL" in data[:4096]


def _open(picture: Encoded | Image.Image) -> Image.Image:
    if isinstance(picture, Image.Image):
        return picture
    if isinstance(picture, bytes):
        return Image.open(io.BytesIO(picture), formats=FORMATS)
    return Image.fromarray(picture[:, :, 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture)


def _refuse_odd_array(array: NDArray[Any]) -> None:
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if array.dtype != np.uint8 or not shaped or array.size == 0:
        raise BadPicture(
            f"an array of {array.dtype} {array.shape}; wanted uint8 (H, W), (H, W, 3) or (H, W, 4)"
        )


def _plain_jpeg(data: bytes) -> str:
    """Return the colours of a JPEG that is grey, YCbCr or RGB, or nothing.

    CMYK and YCCK need Pillow, which knows the Adobe marker, as do rare forms of subsampling.
    """
    if not data.startswith(b"\xff\xd8"):
        return ""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except ValueError:
        return ""
    if height * width > MAX_PIXELS:
        raise BadPicture(f"{width} x {height} pixels are more than the {MAX_PIXELS:,} a picture may have")
    return colours if colours in ("Gray", "YCbCr", "RGB") else ""


def _decode_jpeg(data: bytes, colours: str, channels: Channels) -> Pixels:
    """Decode with libjpeg-turbo, to the very pixels Pillow has of the same file."""
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(
            data, "GRAY" if colours == "Gray" and channels == 1 else "RGB"
        )
    except ValueError as error:
        if HARMLESS.search(str(error)):
            return _from_pillow(_open(data), channels)
        raise
    if channels == 1:
        # From RGB, not from the file's own luminance, which differs by a few levels from what Pillow gives.
        pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else np.asarray(Image.fromarray(pixels).convert("L"))
    # Opened a second time only where there may be something to read.
    tagged = b"Exif\0\0" in data or b"tiff:Orientation" in data
    return _turn_upright(pixels, _orientation(_open(data)) if tagged else 1)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or one that means nothing."""
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # a broken tag block says nothing about the pixels
        return 1
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
    image.load()  # before the orientation is asked for: Pillow turns a TIFF upright here, and forgets its tag
    orientation = _orientation(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _shallow(image)
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, BACKGROUND), rgba)
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    if pixels.size == 0:
        raise BadPicture("it has no pixels")
    return _turn_upright(pixels, orientation)


def _shallow(image: Image.Image) -> Image.Image:
    """Return a deep grey picture in 8 bits, the value it calls transparent as white."""
    values = np.asarray(image)
    pixels = _deep_to_bytes(values)
    clear = image.info.get("transparency")
    return Image.fromarray(pixels if clear is None else np.where(values == clear, np.uint8(255), pixels))


def _deep_to_bytes(values: NDArray[Any]) -> Pixels:
    """Scale 16-bit values from 0..65535, and floats from 0..1, to 0..255: by the range of the type, not of the data."""
    top = 1.0 if values.dtype.kind == "f" else 65535.0
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= top):
        raise BadPicture(f"{values.dtype} values from {values.min()} to {values.max()}; wanted 0 to {top:g}")
    return np.rint(values * (255.0 / top)).astype(np.uint8)


def _has_grey_palette(image: Image.Image) -> bool:
    if image.mode != "P":
        return False
    image.load()  # the palette is in one known form only once the picture is decoded
    colours = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _reason(picture: Encoded | Image.Image, error: Exception) -> str:
    """Return why a picture cannot be decoded, in a few words and without addresses in memory."""
    if isinstance(picture, bytes) and not picture:
        return "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture of a known format"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    return (str(error).strip() if isinstance(error, SPEAKING) else "") or "damaged or cut short"
