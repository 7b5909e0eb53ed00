"""Pictures stored as plain numbers: .npy files, and arrays in memory."""

import io
import math
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from striate.pictures.pixels import MAX_PIXELS, BadPicture, Raster

MAGIC = b"\x93NUMPY"
HEADERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


def read_npy(data: bytes) -> NDArray[Any]:
    """Return the array of a .npy file, a view of `data`; nothing in it is ever unpickled.

    Raises BadPicture where it holds objects, or fewer or more numbers than its header says.
    """
    file = io.BytesIO(data)
    version = npy_format.read_magic(file)
    if version not in HEADERS:
        raise BadPicture(f"a .npy file of version {version[0]}.{version[1]}; wanted 1.0 or 2.0")
    try:
        shape, in_columns, dtype = HEADERS[version](file)
    except Exception as error:  # the header is a Python literal, whose parser may raise anything
        raise BadPicture("the header of the .npy file is damaged") from error
    if dtype.hasobject:
        raise BadPicture("a .npy file of Python objects, which are never opened")
    there, wanted = len(data) - file.tell(), math.prod(shape) * dtype.itemsize
    if there != wanted or min(shape, default=0) < 0:
        raise BadPicture(f"its header tells of {wanted:,} bytes of numbers, and {there:,} are there")
    flat: NDArray[Any] = np.frombuffer(data, dtype, offset=file.tell())
    return flat.reshape(shape[::-1]).T if in_columns else flat.reshape(shape)


def array_raster(array: NDArray[Any], channels: int) -> Raster:
    """Return an array as a picture; of four bands the last is alpha if one or three channels are wanted.

    Raises BadPicture for an array whose shape, type or size does not fit.
    """
    bands = bands_of_array(array)
    fits = bands in (1, 3, 4) if channels in (1, 3) else bands == channels
    typed = array.dtype.kind == "f" or (array.dtype.kind == "u" and array.dtype.itemsize <= 2)
    if not (fits and typed) or array.size == 0:
        shapes = "(H, W), (H, W, 3) or (H, W, 4)" if channels in (1, 3) else f"(H, W, {channels})"
        raise BadPicture(
            f"an array of {array.dtype} {array.shape}; wanted uint8, uint16 or floats in 0..1, {shapes}"
        )
    height, width = array.shape[:2]
    if height * width > MAX_PIXELS:
        raise BadPicture(f"{width} x {height} pixels are more than the {MAX_PIXELS:,} a picture may have")
    return Raster(array, alpha=bands == 4 and channels in (1, 3))


def bands_of_array(array: NDArray[Any]) -> int | None:
    """Return 1 for an array (H, W), C for (H, W, C), or None for another shape."""
    return 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else None
