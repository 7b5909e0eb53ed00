"""Pixels of 8 or 16 bits: values of any type brought to one depth, and to one or three channels."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]  # (H, W) grey or (H, W, C), uint8 or uint16
Depth = Literal[8, 16]

# Where Pillow calls a picture a decompression bomb.
MAX_PIXELS = 178_956_970
TOP: dict[Depth, int] = {8: 255, 16: 65535}
# What one step of 8 bits is in 16: 255 becomes 65535.
STEP = 257
# Red, green and blue in the grey of ITU-R 601-2, in 65536ths, as Pillow weighs them.
LUMA = (19595, 38470, 7471)


class BadPicture(Exception):
    """A file that cannot be decoded; the text is the reason."""


class Raster(NamedTuple):
    """Values (H, W) or (H, W, B) as a file has them; `alpha` says that the last of B is how opaque a pixel is."""

    values: NDArray[Any]
    alpha: bool = False
    orientation: int = 1

    @property
    def bands(self) -> int:
        """The values of a pixel, transparency aside."""
        return 1 if self.values.ndim == 2 else self.values.shape[2] - self.alpha


def to_depth(values: NDArray[Any], depth: Depth) -> Pixels:
    """Scale values to a depth by the range of their type, not of the data: 0..255, 0..65535, or floats 0..1.

    Integers beyond 16 bits must lie in 0..65535. Raises BadPicture for values outside.
    """
    if values.dtype == np.uint8:
        return widen(values, depth)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype == np.uint16 and depth == 16:
        return values
    top = 1.0 if values.dtype.kind == "f" else 65535.0
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= top):
        raise BadPicture(f"{values.dtype} values from {values.min()} to {values.max()}; wanted 0 to {top:g}")
    # float32 has the bits for 8; for 16 it would round some values to the neighbour.
    wide = values.astype(np.float64) if depth == 16 else values
    return np.rint(wide * (TOP[depth] / top)).astype(np.uint8 if depth == 8 else np.uint16)


def widen(pixels: Pixels, depth: Depth) -> Pixels:
    """Return uint8 pixels at a depth: as they are, or times 257."""
    return pixels if depth == 8 else pixels * np.uint16(STEP)


def deep_channels(values: Pixels, channels: int, *, alpha: bool) -> Pixels:
    """Return uint16 values (H, W[, C]) as one or three channels, laid on white where the last of C is `alpha`."""
    if values.ndim == 2:
        values = values[:, :, None]
    if alpha:
        values = _on_white(values)
    if channels == 3:
        return np.ascontiguousarray(np.broadcast_to(values, (*values.shape[:2], 3)))
    if values.shape[2] == 1:
        return np.ascontiguousarray(values[:, :, 0])
    luma = values.astype(np.uint64) @ np.array(LUMA, np.uint64)
    return ((luma + 0x8000) >> 16).astype(np.uint16)


def _on_white(values: Pixels) -> Pixels:
    """Return the channels before the last, laid on white as the last one says."""
    top = TOP[16]
    share = values[:, :, -1:].astype(np.uint64)
    return ((values[:, :, :-1] * share + top * (top - share) + top // 2) // top).astype(np.uint16)
