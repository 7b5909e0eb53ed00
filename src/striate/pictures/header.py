"""Reading a picture's header: size, bands, depth, and whether it is animated; only a palette takes decoding pixels."""

from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from striate.host.extras import load_leaf
from striate.pictures.deep import is_deep
from striate.pictures.kind import image_bands, is_dicom, is_tiff, open_picture
from striate.pictures.npy import MAGIC, bands_of_array, read_npy
from striate.pictures.pixels import Depth, Encoded
from striate.pictures.quiet import quiet


class Header(NamedTuple):
    """Size as stored, number of bands without alpha, and depth in bits."""

    height: int
    width: int
    bands: int
    depth: Depth


# Stands in for a header that cannot be read, so that decoding the picture raises the reason.
UNREADABLE = Header(0, 0, 3, 8)


def header_of(picture: Encoded | Image.Image) -> Header | None:
    """Return what the header of a picture says, or None where it cannot be read."""
    try:
        with quiet():
            header = _header(picture)
            return header if header.bands else header._replace(bands=_palette_bands(picture))
    except Exception:  # as in decode
        return None


def size_of(picture: Encoded | Image.Image) -> tuple[int, int] | None:
    """Return (height, width) as stored, or None where the header cannot be read."""
    header = header_of(picture)
    return None if header is None else (header.height, header.width)


def is_grey(picture: Encoded | Image.Image) -> bool:
    """Say whether a picture is stored without colour, which is taken for true of one that cannot be read."""
    return bands_of(picture) in (1, None)


def bands_of(picture: Encoded | Image.Image) -> int | None:
    """Return the number of bands without alpha, such as 1 for grey and 3 for colour; None if unreadable."""
    header = header_of(picture)
    return None if header is None else header.bands


def depth_of(picture: Encoded | Image.Image) -> Depth:
    """Return 16 for a picture of more than 8 bits per value, floats among them, and 8 for any other."""
    header = header_of(picture)
    return 8 if header is None else header.depth


def is_animated(picture: Encoded) -> bool:
    """Say whether a file's bytes hold more than one frame, of which `decode` takes the first."""
    if not isinstance(picture, bytes) or not _may_move(picture):
        return False
    try:
        with quiet():
            if is_dicom(picture):
                return bool(load_leaf("striate.pictures.dicom").frames_of(picture) > 1)
            return bool(getattr(open_picture(picture), "is_animated", False))
    except Exception:  # as in decode
        return False


def _header(picture: Encoded | Image.Image) -> Header:
    """Return the header, with 0 bands for a palette."""
    if isinstance(picture, Image.Image):
        return _of_pillow(picture)
    if isinstance(picture, np.ndarray) or picture.startswith(MAGIC):
        array = picture if isinstance(picture, np.ndarray) else read_npy(picture)
        bands = bands_of_array(array) or 0
        return Header(array.shape[0], array.shape[1], bands, 8 if array.dtype == np.uint8 else 16)
    if is_dicom(picture):
        return Header(*load_leaf("striate.pictures.dicom").dicom_header(picture))
    try:
        return _of_pillow(open_picture(picture))
    except UnidentifiedImageError:
        if is_tiff(picture):
            return Header(*load_leaf("striate.pictures.tiff").tiff_header(picture))
        raise


def _of_pillow(image: Image.Image) -> Header:
    return Header(image.height, image.width, image_bands(image), 16 if is_deep(image) else 8)


def _palette_bands(picture: Encoded | Image.Image) -> int:
    """Decode a picture with a palette, and return 1 if the palette is of greys alone, else 3."""
    image = open_picture(picture) if isinstance(picture, bytes) else picture
    assert isinstance(image, Image.Image)
    image.load()  # only a decoded picture has its palette in a known form
    colours = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    return 1 if (colours == colours[:, :1]).all() else 3


def _may_move(data: bytes) -> bool:
    """Say from its first bytes whether a file may be animated, so that most files need not be opened."""
    marked = data.startswith((b"GIF8", b"RIFF")) or data[4:8] == b"ftyp"
    return marked or is_tiff(data) or is_dicom(data) or b"acTL" in data[:4096]
