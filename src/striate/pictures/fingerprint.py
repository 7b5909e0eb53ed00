"""A perceptual hash of a picture, 64 bytes that hardly change when it is re-encoded, resized or recoloured a little.

It holds the lowest cosine frequencies (DCT) of the grey picture, as perceptual hashes do (Zauner, Implementation and
Benchmarking of Perceptual Image Hash Functions, 2010), but as numbers instead of signs, since signs do not tell apart
thousands of similar pictures, such as 28-pixel shirts. Each is an integral over the picture, so its value does not
depend on the picture's size.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Bytes of a fingerprint: the shorter side, the mean, 54 grey frequencies, 2 x 4 of colour.
BYTES = 64
# Frequencies along each axis, and those (down, across) that are kept of the grey picture, whose sum is 1 to 9.
SIDE = 10
LOW = np.add.outer(np.arange(SIDE), np.arange(SIDE)) < SIDE
LOW[0, 0] = False
DOWN, ACROSS = np.nonzero(LOW)
GREY = slice(2, 2 + len(DOWN))
COLOUR = slice(GREY.stop, BYTES)
# Frequencies are stored as signed roots, sqrt(|v| + KNEE) - sqrt(KNEE), so that detail counts beside the coarse shape,
# and values under about half a grey level count little. Times STEPS the largest, 8.3, fits into a signed byte.
KNEE = 0.6
ROOT = np.float32(KNEE**0.5)
STEPS = 15.0
# Rows are first summed in boxes, to fewer than twice this many.
SHRUNK = 32
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def fingerprint(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the fingerprint (BYTES,) of upright pixels (H, W) or (H, W, C), uint8 or uint16."""
    height, width = pixels.shape[:2]
    step = max(1, height // SHRUNK)
    rows = _row_sums(pixels, step).reshape(-1, width, 1 if pixels.ndim == 2 else pixels.shape[2])
    waves = _frequencies(width, 1) @ rows  # (H / step, SIDE, C)
    waves = _frequencies(height, step) @ waves.reshape(len(rows), -1)
    waves = waves.reshape(SIDE, SIDE, -1) * np.float32(1 / 257 if pixels.dtype == np.uint16 else 1)
    channels = waves.shape[2]
    grey = waves @ LUMA if channels == 3 else waves.mean(axis=2)
    found = np.zeros(BYTES, np.uint8)
    found[0] = min(height, width, 255)
    found[1] = round(float(grey[0, 0]))
    low = grey[LOW]
    found[GREY] = _signed(np.copysign(np.sqrt(np.abs(low) + KNEE) - ROOT, low) * STEPS)
    if channels > 1:
        found[COLOUR] = _signed((waves[:2, :2, [-1, 0]] - grey[:2, :2, None]).ravel() / 2)
    return found


def _row_sums(pixels: NDArray[Any], step: int) -> Floats:
    """Return the sums of every `step` rows as float32; the last is of the rows that are left."""
    if step == 1:
        return pixels.astype(np.float32)
    whole = len(pixels) // step
    # uint16 holds the sum of 255 bytes, and is the quickest.
    dtype = np.uint16 if pixels.dtype == np.uint8 and step < 256 else np.uint32
    sums = pixels[: whole * step].reshape(whole, step, *pixels.shape[1:]).sum(axis=1, dtype=dtype)
    rest = pixels[whole * step :]
    if len(rest):
        sums = np.concatenate([sums, rest.sum(axis=0, dtype=dtype)[None]])
    return sums.astype(np.float32)


@lru_cache(maxsize=1024)
def _frequencies(size: int, step: int) -> Floats:
    """Return the matrix (SIDE, boxes) that turns sums over boxes of `step` pixels into an axis's lowest frequencies.

    A wave's mean over a box is its value at the centre times a sinc, which is divided out. Rows of frequencies that an
    axis of `size` pixels does not have are zero.
    """
    width = np.diff(np.append(np.arange(0, size, step), size)) / size
    centre = np.cumsum(width) - width / 2
    wave = np.arange(SIDE)[:, None]
    weights = np.cos(np.pi * wave * centre) / (np.sinc(wave * width / 2) * size)
    weights[wave[:, 0] >= size] = 0
    return weights.astype(np.float32)


def _signed(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return values rounded and clipped to -127..127, as the uint8 view of signed bytes."""
    return np.rint(values).clip(-127, 127).astype(np.int8).view(np.uint8)
