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
STEPS = 15.0
# A picture is first averaged in whole boxes down to less than twice this side.
SHRUNK = 32
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def fingerprint(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the fingerprint (BYTES,) of upright pixels (H, W) or (H, W, C), uint8 or uint16."""
    planes, step = _shrunk(pixels)
    down = _frequencies(pixels.shape[0], step[0])
    across = _frequencies(pixels.shape[1], step[1])
    grey, colours = _grey_and_colours(planes)
    waves = down @ grey @ across.T  # (SIDE, SIDE)
    tints = [down[:2] @ colour @ across[:2].T for colour in colours]  # two (2, 2)
    found = np.zeros(BYTES, np.uint8)
    found[0] = min(*pixels.shape[:2], 255)
    found[1] = np.rint(waves[0, 0])
    roots = np.sqrt(np.abs(waves[LOW]) + KNEE) - np.sqrt(KNEE)
    found[GREY] = _signed(np.copysign(roots, waves[LOW]) * STEPS)
    if tints:
        found[COLOUR] = _signed(np.concatenate([tint.ravel() for tint in tints]) / 2)
    return found


def _shrunk(pixels: NDArray[Any]) -> tuple[Floats, tuple[int, int]]:
    """Return box means of pixels as float32 on the 0..255 scale, and the boxes' height and width."""
    height, width = pixels.shape[:2]
    step = max(1, height // SHRUNK), max(1, width // SHRUNK)
    # Rows first, in their own order in memory. A sum of 255 bytes fits 16 bits, which are the quickest.
    rows = _box_sums(pixels, step[0], np.uint16 if pixels.dtype == np.uint8 and step[0] < 256 else np.uint32)
    sums = _box_sums(rows.swapaxes(0, 1), step[1], np.float32).swapaxes(0, 1)
    counts = np.outer(_box_sizes(height, step[0]), _box_sizes(width, step[1]))
    top = 257.0 if pixels.dtype == np.uint16 else 1.0
    share = (1 / (counts * top)).astype(np.float32)
    return sums * share.reshape(*share.shape, *[1] * (pixels.ndim - 2)), step


def _box_sums(values: NDArray[Any], step: int, dtype: type[np.generic]) -> NDArray[Any]:
    """Return the sums of every `step` rows, the last of them of what is left."""
    whole = len(values) // step
    sums = values[: whole * step].reshape(whole, step, *values.shape[1:]).sum(axis=1, dtype=dtype)
    rest = values[whole * step :]
    return np.concatenate([sums, rest.sum(axis=0, dtype=dtype)[None]]) if len(rest) else sums


def _box_sizes(size: int, step: int) -> NDArray[np.int64]:
    return np.diff(np.append(np.arange(0, size, step), size))


def _grey_and_colours(planes: Floats) -> tuple[Floats, tuple[Floats, ...]]:
    """Return the grey picture (H, W), and how far the last and the first channel lie from it, if there are several."""
    if planes.ndim == 2:
        return planes, ()
    grey: Floats = planes @ LUMA if planes.shape[2] == 3 else planes.mean(axis=2)
    return grey, (planes[:, :, -1] - grey, planes[:, :, 0] - grey) if planes.shape[2] > 1 else ()


@lru_cache(maxsize=1024)
def _frequencies(size: int, step: int) -> Floats:
    """Return (SIDE, boxes): what sums up box means of an axis to its lowest cosine frequencies.

    A box mean of a wave is less than the wave by the sinc of the box's share of it, which is made up for. Frequencies
    the axis has not are nothing.
    """
    width = _box_sizes(size, step) / size
    centre = np.cumsum(width) - width / 2
    wave = np.arange(SIDE)[:, None]
    weights = width * np.cos(np.pi * wave * centre) / np.sinc(wave * width / 2)
    weights[wave[:, 0] >= size] = 0
    return weights.astype(np.float32)


def _signed(values: Floats) -> NDArray[np.uint8]:
    """Return values rounded to signed bytes, as they stand in memory."""
    return np.clip(np.rint(values), -127, 127).astype(np.int8).view(np.uint8)
