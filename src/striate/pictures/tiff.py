"""TIFFs that Pillow does not read, through tifffile: many bands, float colour, separate planes, rare compression."""

import io
import math
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from striate.pictures.pixels import MAX_PIXELS, BadPicture, Depth, Raster

ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
PHOTOMETRIC = tifffile.PHOTOMETRIC
READ = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR)
# The most bytes of values a picture may have: those of MAX_PIXELS in 8-bit RGBA.
MAX_BYTES = 4 * MAX_PIXELS
ORIENTATION_TAG = 274


def read_tiff(data: bytes) -> Raster:
    """Return the values of a TIFF's first page; raises BadPicture with the reason."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = _first_page(file)
        _refuse_unreadable(page, len(data))
        values = page.asarray(maxworkers=1)
        axes = page.axes
        if values.ndim != len(axes):  # the data has another shape than the tags say
            raise BadPicture("damaged or cut short")
        if "S" in axes:
            values, axes = np.moveaxis(values, axes.index("S"), -1), axes.replace("S", "") + "S"
        if axes not in ("YX", "YXS"):
            raise BadPicture(f"a TIFF of axes {page.axes}; wanted YX, YXS or SYX")
        if page.photometric == PHOTOMETRIC.MINISWHITE:
            values = _inverted(values)
        tag = page.tags.get(ORIENTATION_TAG)
        return Raster(values, alpha=_has_alpha(page), orientation=1 if tag is None else int(tag.value))


def tiff_header(data: bytes) -> tuple[int, int, int, Depth]:
    """Return height, width, bands and depth of a TIFF's first page."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = _first_page(file)
        bands = page.samplesperpixel - _has_alpha(page)
        return page.imagelength, page.imagewidth, bands, 8 if page.dtype == np.uint8 else 16


def _first_page(file: tifffile.TiffFile) -> tifffile.TiffPage:
    page = file.pages.first
    assert isinstance(page, tifffile.TiffPage)
    return page


def _refuse_unreadable(page: tifffile.TiffPage, length: int) -> None:
    """Raise BadPicture for a page that is too large, truncated, or of an unsupported kind."""
    height, width = page.imagelength, page.imagewidth
    if height * width > MAX_PIXELS or math.prod(page.shape) * page.bitspersample > 8 * MAX_BYTES:
        raise BadPicture(
            f"{width} x {height} x {page.samplesperpixel} values are more than a picture may have"
        )
    ends = [at + size for at, size in zip(page.dataoffsets, page.databytecounts, strict=False)]
    whole = page.compression != tifffile.COMPRESSION.NONE or page.nbytes <= sum(page.databytecounts)
    if not whole or not all(page.databytecounts) or not ends or max(ends) > length:
        raise BadPicture("image file is truncated")
    if page.photometric not in READ or page.dtype is None:
        raise BadPicture(
            f"a TIFF of {PHOTOMETRIC(page.photometric).name} {page.bitspersample} bits, which is not read"
        )
    if page.dtype.kind not in "fu" and page.dtype.itemsize == 1:
        raise BadPicture(f"{page.dtype} values; wanted uint8, uint16 or floats in 0..1")


def _has_alpha(page: tifffile.TiffPage) -> bool:
    """Say whether the last sample of a pixel is alpha."""
    return bool(page.extrasamples) and page.extrasamples[-1] in ALPHA


def _inverted(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in which 0 is white inverted, so that 0 is black."""
    return (1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max) - values
