"""Decoding a file's bytes to upright pixels of 8 or 16 bits; its format is detected by content, never by name."""

import numpy as np
from PIL import Image, UnidentifiedImageError

from striate.errors import UsageError
from striate.host.extras import load_leaf
from striate.pictures.deep import deep_colour, deep_grey, has_deep_colour, is_deep_grey, is_misread
from striate.pictures.jpeg import PlainJpeg, decode_jpeg, plain_jpeg
from striate.pictures.kind import image_bands, is_dicom, is_heic, is_tiff, open_picture
from striate.pictures.npy import MAGIC, array_raster, read_npy
from striate.pictures.orientation import UPRIGHT, orientation_of, turn_upright
from striate.pictures.pixels import BadPicture as BadPicture
from striate.pictures.pixels import Depth, Encoded, Pixels, Raster, deep_channels, to_depth, widen
from striate.pictures.quiet import quiet

# The colour that transparent pictures are composited on.
BACKGROUND = (255, 255, 255, 255)
# How a Git LFS pointer begins, which stands in for a file that was not fetched.
LFS_POINTER = b"version https://git-lfs"
NO_MEMORY = "not enough memory to decode it"
# Exceptions of decoders whose text explains what is wrong with a file; that of others, such as KeyError, does not.
SPEAKING = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning, UsageError)


def decode(
    picture: Encoded | Image.Image, *, channels: int, depth: Depth = 8, at_least: tuple[int, int] = (0, 0)
) -> Pixels:
    """Return upright pixels (H, W) or (H, W, C) of a file's bytes, an array (H, W[, C]) or a Pillow image.

    Bytes may be of a format in kind.FORMATS, .npy and, where the extras are installed, DICOM or any other TIFF. Values
    are scaled to `depth` by the range of their type, transparency is composited on white, and of an animation the first
    frame is taken. Grey is converted to colour for 3 channels and colour to grey for 1; for any other number a picture
    must have as many bands. With `at_least` (height, width) a JPEG may be decoded at a reduced size that is no smaller.
    Raises BadPicture with the reason.
    """
    try:
        if isinstance(picture, bytes) and channels in (1, 3) and (jpeg := plain_jpeg(picture)):
            pixels = _upright_jpeg(jpeg, channels, at_least)
            if pixels is not None:
                return widen(pixels, depth)
        with quiet():
            return _decode(picture, channels, depth)
    except BadPicture:
        raise
    except Exception as error:  # what decoders raise for malformed files is not documented
        raise BadPicture(_reason(picture, error)) from error


def _upright_jpeg(jpeg: PlainJpeg, channels: int, at_least: tuple[int, int]) -> Pixels | None:
    """Return the upright pixels of a JPEG, or None where libjpeg-turbo fails and Pillow may not."""
    # Opened with Pillow only if it may have an orientation tag.
    tagged = b"Exif\0\0" in jpeg.data or b"tiff:Orientation" in jpeg.data
    orientation = _jpeg_orientation(jpeg.data) if tagged else 1
    if orientation in UPRIGHT and UPRIGHT[orientation][0]:
        at_least = at_least[::-1]
    pixels = decode_jpeg(jpeg, channels=channels, at_least=at_least)
    return None if pixels is None else turn_upright(pixels, orientation)


def _jpeg_orientation(data: bytes) -> int:
    with quiet():
        return orientation_of(open_picture(data))


def _decode(picture: Encoded | Image.Image, channels: int, depth: Depth) -> Pixels:
    """Decode anything that `_upright_jpeg` does not."""
    stored = _stored(picture, channels, depth)
    if isinstance(stored, Raster):
        return turn_upright(_from_raster(stored, channels, depth), stored.orientation)
    if channels not in (1, 3):
        raise _other_bands(image_bands(stored) or 3, channels)
    return _from_pillow(stored, picture, channels, depth)


def _stored(picture: Encoded | Image.Image, channels: int, depth: Depth) -> Raster | Image.Image:
    """Return the stored values of a picture, or an image for Pillow to decode; raises BadPicture."""
    if isinstance(picture, Image.Image):
        return picture
    if isinstance(picture, np.ndarray):
        return array_raster(picture, channels)
    if picture.startswith(MAGIC):
        return array_raster(read_npy(picture), channels)
    if is_dicom(picture):
        return load_leaf("striate.pictures.dicom").read_dicom(picture)
    if is_heic(picture):
        raise BadPicture("HEIC: convert it to JPEG or PNG")
    if picture.startswith(LFS_POINTER):
        raise BadPicture("a pointer of Git LFS in the picture's place: git lfs pull")
    if is_tiff(picture):
        return _stored_tiff(picture, channels, depth)
    return open_picture(picture)


def _stored_tiff(data: bytes, channels: int, depth: Depth) -> Raster | Image.Image:
    """Return a TIFF as Pillow opens it, or its values by tifffile where Pillow cannot read it or misreads it."""
    try:
        image = open_picture(data)
    except UnidentifiedImageError:
        return load_leaf("striate.pictures.tiff").read_tiff(data)
    bands = image_bands(image)
    if bands not in (0, 1, 3, channels) and image.mode != "RGB":
        raise _other_bands(bands, channels)  # Pillow would use the first band alone
    if (channels not in (1, 3) and bands == channels) or is_misread(image, depth):
        return load_leaf("striate.pictures.tiff").read_tiff(data)
    return image


def _from_raster(raster: Raster, channels: int, depth: Depth) -> Pixels:
    """Return stored values at a depth and with a number of channels; raises BadPicture where the bands do not fit."""
    values, bands = raster.values, raster.bands
    if bands != channels and not {bands, channels} <= {1, 3}:
        raise _other_bands(bands, channels)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if channels not in (1, 3):
        return np.ascontiguousarray(to_depth(values[:, :, :bands], depth))
    if values.dtype != np.uint8 and depth == 16:
        return deep_channels(to_depth(values, 16), channels, alpha=raster.alpha)
    values = to_depth(values, 8)
    if values.ndim == 2 and channels == 1:
        return widen(values, depth)
    return widen(_shallow(Image.fromarray(np.ascontiguousarray(values)), channels), depth)


def _from_pillow(image: Image.Image, picture: Encoded | Image.Image, channels: int, depth: Depth) -> Pixels:
    """Return the pixels of a picture that Pillow decodes."""
    deep = None
    if depth == 16 and isinstance(picture, bytes) and has_deep_colour(image):
        deep = deep_colour(image, picture)
    image.load()  # before the orientation is read: Pillow turns a TIFF upright here and drops its tag
    orientation = orientation_of(image)
    if deep is not None:
        pixels = deep_channels(deep.values, channels, alpha=deep.alpha)
    elif is_deep_grey(image):
        pixels = deep_grey(image, channels, depth)
    else:
        pixels = widen(_shallow(image, channels), depth)
    if pixels.size == 0:
        raise BadPicture("it has no pixels")
    return turn_upright(pixels, orientation)


def _shallow(image: Image.Image, channels: int) -> Pixels:
    """Return a decoded 8-bit picture as grey or RGB, with transparency composited on white."""
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, BACKGROUND), rgba)
    return np.asarray(image.convert("L" if channels == 1 else "RGB"))


def _other_bands(bands: int, channels: int) -> BadPicture:
    return BadPicture(f"it has {bands} band{'' if bands == 1 else 's'}; wanted {channels}")


def _reason(picture: Encoded | Image.Image, error: Exception) -> str:
    """Return why a picture cannot be decoded, in a few words and without addresses in memory."""
    if isinstance(picture, bytes) and not picture:
        return "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture of a known format"
    if isinstance(error, MemoryError):
        return NO_MEMORY
    return (str(error).strip() if isinstance(error, SPEAKING) else "") or "damaged or cut short"
