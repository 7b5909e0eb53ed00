"""A picture in 64 bytes that stay nearly the same when it is saved anew, resized or recoloured a little.

The lowest cosine frequencies of the grey picture, as perceptual hashes take them (Zauner, Implementation and
Benchmarking of Perceptual Image Hash Functions, 2010), kept as numbers, not as signs: among thousands of pictures
alike, such as 28-pixel shirts, signs do not tell one from another. Each is an integral over the picture, so its value
does not depend on the picture's size.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Bytes of a fingerprint: the shorter side, the mean, 54 grey frequencies, 2 x 4 of colour.
BYTES = 64
# Frequencies (down, across) taken of each axis, and those of a grey picture by their sum: 1 to 9.
SIDE = 10
LOW = np.add.outer(np.arange(SIDE), np.arange(SIDE)) < SIDE
LOW[0, 0] = False
DOWN, ACROSS = np.nonzero(LOW)
GREY = slice(2, 2 + len(DOWN))
COLOUR = slice(GREY.stop, BYTES)
# Frequencies are kept as roots: v -> sqrt(|v| + KNEE) - sqrt(KNEE), so that detail counts beside the coarse shape and
# what is under about half a grey level counts little. STEPS fits the largest, 8.3, into a signed byte.
KNEE = 0.6
ROOT = np.float32(KNEE**0.5)
STEPS = 15.0
# Rows are first summed down to less than twice this many.
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
    """Return the sums of every `step` rows as float32, the last of what is left."""
    if step == 1:
        return pixels.astype(np.float32)
    whole = len(pixels) // step
    # 16 bits hold the sum of 255 bytes, and are the quickest.
    dtype = np.uint16 if pixels.dtype == np.uint8 and step < 256 else np.uint32
    sums = pixels[: whole * step].reshape(whole, step, *pixels.shape[1:]).sum(axis=1, dtype=dtype)
    rest = pixels[whole * step :]
    if len(rest):
        sums = np.concatenate([sums, rest.sum(axis=0, dtype=dtype)[None]])
    return sums.astype(np.float32)


@lru_cache(maxsize=1024)
def _frequencies(size: int, step: int) -> Floats:
    """Return (SIDE, boxes): what makes the sums over `step` pixels of an axis into its lowest cosine frequencies.

    The mean of a wave over a box is less than the wave by the sinc of the box's share of it, which is made up for.
    Frequencies the axis has not are nothing.
    """
    width = np.diff(np.append(np.arange(0, size, step), size)) / size
    centre = np.cumsum(width) - width / 2
    wave = np.arange(SIDE)[:, None]
    weights = np.cos(np.pi * wave * centre) / (np.sinc(wave * width / 2) * size)
    weights[wave[:, 0] >= size] = 0
    return weights.astype(np.float32)


def _signed(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return values rounded to signed bytes, as they stand in memory."""
    return np.rint(values).clip(-127, 127).astype(np.int8).view(np.uint8)
