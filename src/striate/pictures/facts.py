"""Facts about a picture, 114 bytes recorded when it is decoded: size, format, colour mode, digest and fingerprint."""

from contextlib import suppress
from os.path import splitext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.pictures.fingerprint import BYTES, fingerprint
from striate.pictures.header import depth_of, is_animated
from striate.pictures.kind import KINDS, SUFFIXES, image_bands, kind_of, open_picture
from striate.pictures.orientation import UPRIGHT, orientation_of
from striate.pictures.pixels import Encoded

# One row per picture. `id` is a hash of its name, `stamp` changes with its file, as in packs; `bytes` is the size of
# the file, `height` and `width` are of the upright picture; `kind` is an index into KINDS, `mode` one into MODES;
# `flags` are the bits below; `bands` does not count alpha, and is 3 for a palette.
FACTS = np.dtype(
    [
        ("id", "<u8"),
        ("stamp", "<u8"),
        ("bytes", "<u4"),
        ("height", "<u4"),
        ("width", "<u4"),
        ("digest", "u1", 16),
        ("kind", "u1"),
        ("mode", "u1"),
        ("flags", "<u2"),
        ("bands", "<u2"),
        ("fingerprint", "u1", BYTES),
    ]
)
# A row without SEEN is empty. BAD pictures cannot be read or decoded.
SEEN, BAD, ANIMATED, TURNED, BLANK, MISNAMED, DEEP = (1 << bit for bit in range(7))
PILLOW_KINDS = {"JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF"}
MODES = (
    "other", "grey", "grey and alpha", "colour", "colour and alpha", "palette", "CMYK", "black and white",
    "floats", "bands",
)  # fmt: skip
PILLOW_MODES = {
    "L": "grey", "I": "grey", "LA": "grey and alpha", "La": "grey and alpha", "RGB": "colour", "YCbCr": "colour",
    "LAB": "colour", "RGBA": "colour and alpha", "RGBa": "colour and alpha", "P": "palette", "PA": "palette",
    "CMYK": "CMYK", "1": "black and white", "F": "floats",
}  # fmt: skip
CHANNEL_MODES = {1: "grey", 3: "colour"}
# A picture is blank if the values of each band span at most this many grey levels of 8 bits.
BLANK_SPAN = 8
# About so many rows and columns are checked first, which settles it for most pictures that are not blank.
SPARSE = 16
LARGEST = 2**32 - 1

Row = Any  # one element of an array of FACTS


def facts_of(encoded: Encoded, pixels: NDArray[Any], *, name: str, digest: bytes) -> Row:
    """Return the row of a picture from its file's bytes, its upright pixels (H, W[, C]) at any scale and its digest.

    `id` and `stamp` stay 0, for the ledger to fill in. Does not raise for a picture that could be decoded.
    """
    row = np.zeros((), FACTS)
    row["flags"] = SEEN
    row["digest"] = np.frombuffer(digest, np.uint8)
    row["fingerprint"] = fingerprint(pixels)
    row["flags"] |= BLANK if _is_blank(pixels) else 0
    if isinstance(encoded, bytes):
        _describe_file(row, encoded, pixels, name)
    else:
        _describe_array(row, encoded)
    return row


def bad_facts(encoded: Encoded | None, *, digest: bytes | None) -> Row:
    """Return the row of a picture that cannot be decoded or, where `encoded` is None, not even read."""
    row = np.zeros((), FACTS)
    row["flags"] = SEEN | BAD
    if digest is not None:
        row["digest"] = np.frombuffer(digest, np.uint8)
    if isinstance(encoded, bytes):
        row["bytes"] = min(len(encoded), LARGEST)
    return row


def _is_blank(pixels: NDArray[Any]) -> bool:
    """Say whether a picture is of one even colour, within BLANK_SPAN."""
    most = BLANK_SPAN * (257 if pixels.dtype == np.uint16 else 1)
    down, across = (max(side // SPARSE, 1) for side in pixels.shape[:2])
    return all(bool((np.ptp(seen, axis=(0, 1)) <= most).all()) for seen in (pixels[::down, ::across], pixels))


def _describe_file(row: Row, encoded: bytes, pixels: NDArray[Any], name: str) -> None:
    kind = kind_of(encoded)
    suffix = splitext(name)[1].lower()
    known = any(suffix in suffixes for suffixes in SUFFIXES.values())
    row["bytes"] = min(len(encoded), LARGEST)
    row["kind"] = KINDS.index(kind)
    row["height"], row["width"] = pixels.shape[:2]
    bands = 1 if pixels.ndim == 2 else pixels.shape[2]
    mode = ""
    flags = {
        MISNAMED: known and suffix not in SUFFIXES.get(kind, (suffix,)),
        ANIMATED: is_animated(encoded),
        DEEP: kind != "JPEG" and depth_of(encoded) > 8,
    }
    if kind in PILLOW_KINDS:
        with suppress(Exception):  # Pillow cannot open it, or its tags are broken
            image = open_picture(encoded)
            turn = orientation_of(image)
            flags[TURNED] = turn in UPRIGHT
            width, height = image.size[::-1] if turn in UPRIGHT and UPRIGHT[turn][0] else image.size
            row["height"], row["width"] = height, width
            bands = image_bands(image)
            if bands in (0, 1, 3):
                mode = PILLOW_MODES.get(image.mode, "grey" if "I;16" in image.mode else "other")
    row["mode"] = MODES.index(mode or _mode_of_bands(bands))
    row["bands"] = bands or 3
    for flag, holds in flags.items():
        row["flags"] |= flag if holds else 0


def _describe_array(row: Row, array: NDArray[Any]) -> None:
    row["bytes"] = min(array.nbytes, LARGEST)
    row["height"], row["width"] = array.shape[:2]
    row["kind"] = KINDS.index("pixels")
    bands = 1 if array.ndim == 2 else array.shape[2]
    row["mode"] = MODES.index("floats" if array.dtype.kind == "f" else _mode_of_bands(bands))
    row["bands"] = bands
    row["flags"] |= 0 if array.dtype == np.uint8 else DEEP


def _mode_of_bands(bands: int) -> str:
    return CHANNEL_MODES.get(bands, "bands")
