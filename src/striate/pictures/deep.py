"""16-bit pictures through Pillow, which keeps only the high bytes of colour, so the low ones are decoded separately."""

import io
from typing import Any

import numpy as np
from PIL import Image

from striate.pictures.kind import PHOTOMETRIC
from striate.pictures.pixels import TOP, Depth, Pixels, Raster, deep_channels, to_depth

# Pillow's raw mode of 16-bit pixels -> the raw mode by which it decodes the other byte of each value.
OTHER_BYTE = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA", "RGBX")
    for order, other in (("B", "L"), ("L", "B"), ("N", "B"))
}
# 16-bit grey with alpha has as many bytes a pixel as 8-bit RGBA, and is decoded as that.
GREY_ALPHA = "LA;16B"
BITS, PLANES, SAMPLE_FORMAT = 258, 284, 339  # tags of a TIFF
WHITE_IS_ZERO, PLANE_BY_PLANE, SIGNED = 0, 2, 2  # values of these tags


def is_deep(image: Image.Image) -> bool:
    """Say whether an opened but not yet decoded picture has more than 8 bits per value."""
    return is_deep_grey(image) or ";16" in _stored_form(image) or _bits(image) > 8


def is_deep_grey(image: Image.Image) -> bool:
    """Say whether Pillow represents a picture as integers of 16 or 32 bits or as floats."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def has_deep_colour(image: Image.Image) -> bool:
    """Say whether an opened but not yet decoded picture has 16-bit colour, or 16-bit grey with alpha."""
    form = _stored_form(image)
    return form in OTHER_BYTE or form == GREY_ALPHA


def deep_colour(image: Image.Image, data: bytes) -> Raster:
    """Return the uint16 values of a picture with deep colour, given opened and as its file's bytes; decodes `image`."""
    form = _stored_form(image)
    if form == GREY_ALPHA:
        pairs = _stored_as(image, "RGBA").astype(np.uint16)
        return Raster(pairs[:, :, ::2] << 8 | pairs[:, :, 1::2], alpha=True)
    low = _stored_as(Image.open(io.BytesIO(data), formats=(image.format or "",)), OTHER_BYTE[form])
    values = np.asarray(image).astype(np.uint16) << 8 | low
    clear = image.info.get("transparency")
    if isinstance(clear, tuple):
        values[(values == clear).all(axis=2)] = TOP[16]
    return Raster(values, alpha=values.shape[2] == 4)


def deep_grey(image: Image.Image, channels: int, depth: Depth) -> Pixels:
    """Return a decoded picture of deep grey at a depth; the value that it declares transparent becomes white."""
    values = np.asarray(image)
    pixels = to_depth(values, depth)
    # Pillow inverts TIFFs in which 0 is white if they have 8 bits, but not if they have 16.
    if image.mode.startswith("I;16") and _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO:
        pixels = pixels.dtype.type(TOP[depth]) - pixels
    clear = image.info.get("transparency")
    if clear is not None:
        pixels = np.where(values == clear, pixels.dtype.type(TOP[depth]), pixels)
    return deep_channels(pixels, channels, alpha=False)


def is_misread(image: Image.Image, depth: Depth) -> bool:
    """Say whether Pillow misreads an opened TIFF: one of signed bytes, or of deep colour stored plane by plane."""
    if SIGNED in np.atleast_1d(_tag(image, SAMPLE_FORMAT)) and not is_deep_grey(image):
        return True
    if _bits(image) == 8 or is_deep_grey(image) or _tag(image, PLANES) != PLANE_BY_PLANE:
        return False
    return depth == 16 or any(part.codec_name == "raw" for part in _tiles(image))


def _bits(image: Image.Image) -> int:
    """Return the bits per value of a TIFF, and 8 for any other picture."""
    return int(np.max(_tag(image, BITS) or 8))


def _tag(image: Image.Image, tag: int) -> Any:
    """Return a tag of a TIFF, or None."""
    return getattr(image, "tag_v2", {}).get(tag)


def _tiles(image: Image.Image) -> list[Any]:
    """Return Pillow's tiles, the parts of a file that are not decoded yet."""
    return getattr(image, "tile", [])


def _stored_form(image: Image.Image) -> str:
    """Return Pillow's raw mode of an opened but not yet decoded picture, such as 'RGB;16B', or ''."""
    if not (tiles := _tiles(image)):
        return ""
    args = tiles[0].args
    return str(args[0] if isinstance(args, tuple) and args else args)


def _stored_as(image: Image.Image, form: str) -> Pixels:
    """Decode a file's pixels with another raw mode."""
    image.tile = [  # type: ignore[attr-defined]
        part._replace(args=(form, *part.args[1:]) if isinstance(part.args, tuple) else form)
        for part in _tiles(image)
    ]
    return np.asarray(image)
