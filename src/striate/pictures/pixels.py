"""Pixels of 8 or 16 bits and what they are decoded from: depths, channels, and the digest of a picture's content."""

from hashlib import blake2b
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]  # (H, W) grey or (H, W, C), uint8 or uint16
Depth = Literal[8, 16]

# The number of pixels above which Pillow refuses a picture as a decompression bomb.
MAX_PIXELS = 178_956_970
TOP: dict[Depth, int] = {8: 255, 16: 65535}
# One step of 8 bits in 16 bits: 255 becomes 65535.
STEP = 257
# Weights of red, green and blue in grey (ITU-R 601-2), in 65536ths, as in Pillow.
LUMA = (19595, 38470, 7471)

DIGEST_BYTES = 16
# A picture as its format stores it: a file's bytes, or pixels.
Encoded = bytes | NDArray[Any]


class BadPicture(Exception):
    """A picture that cannot be decoded; the text is the reason."""


class Raster(NamedTuple):
    """The values (H, W) or (H, W, B) stored in a file; with `alpha` the last of the B bands is alpha."""

    values: NDArray[Any]
    alpha: bool = False
    orientation: int = 1

    @property
    def bands(self) -> int:
        """The number of bands without alpha."""
        return 1 if self.values.ndim == 2 else self.values.shape[2] - self.alpha


def to_depth(values: NDArray[Any], depth: Depth) -> Pixels:
    """Scale values to a depth by the range of their type (0..255, 0..65535, floats 0..1), not that of the data.

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
    # float32 is exact enough for 8 bits, but would round some values of 16 bits wrongly.
    wide = values.astype(np.float64) if depth == 16 else values
    return np.rint(wide * (TOP[depth] / top)).astype(np.uint8 if depth == 8 else np.uint16)


def widen(pixels: Pixels, depth: Depth) -> Pixels:
    """Return uint8 pixels at a depth: unchanged, or times 257 as uint16."""
    return pixels if depth == 8 else pixels * np.uint16(STEP)


def deep_channels(values: Pixels, channels: int, *, alpha: bool) -> Pixels:
    """Return uint16 values (H, W[, C]) as one or three channels; with `alpha` the last of C is composited on white."""
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
    """Return the channels before the last composited on white, with the last one as alpha."""
    top = TOP[16]
    share = values[:, :, -1:].astype(np.uint64)
    return ((values[:, :, :-1] * share + top * (top - share) + top // 2) // top).astype(np.uint16)


def digest_of(encoded: Encoded) -> bytes:
    """Return the BLAKE2b digest, 16 bytes, of a file's bytes or of the values of pixels."""
    content = encoded if isinstance(encoded, bytes) else np.ascontiguousarray(encoded).data
    return blake2b(content, digest_size=DIGEST_BYTES).digest()
