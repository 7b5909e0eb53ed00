"""What is worth knowing of a picture besides its pixels, in 112 bytes, taken down when it is decoded."""

import io
from os.path import splitext
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.decode import FORMATS, ORIENTATION_TAG, UPRIGHT, is_animated
from striate.data.fingerprint import BYTES, fingerprint
from striate.data.pictures import Encoded

# One row a picture. `id` and `stamp` are its name's and its file's, as packs have them; sizes are of the upright
# picture; `kind` is a position in KINDS, `mode` one in MODES, `flags` are the bits below.
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
        ("fingerprint", "u1", BYTES),
    ]
)
# A row without SEEN is empty. BAD pictures cannot be read.
SEEN, BAD, ANIMATED, TURNED, BLANK, MISNAMED, DEEP = (1 << bit for bit in range(7))
# What a file is by its content -> how its name may end.
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
KINDS = ("other", "pixels", *SUFFIXES)
MODES = (
    "other", "grey", "grey and alpha", "colour", "colour and alpha", "palette", "CMYK", "black and white",
    "floats", "bands",
)  # fmt: skip
PILLOW_MODES = {
    "L": "grey", "I": "grey", "LA": "grey and alpha", "La": "grey and alpha", "RGB": "colour", "YCbCr": "colour",
    "LAB": "colour", "RGBA": "colour and alpha", "RGBa": "colour and alpha", "P": "palette", "PA": "palette",
    "CMYK": "CMYK", "1": "black and white", "F": "floats",
}  # fmt: skip
CHANNEL_MODES = {1: "grey", 2: "grey and alpha", 3: "colour", 4: "colour and alpha"}
# A picture whose values all lie within this many grey levels shows nothing.
BLANK_SPAN = 8
LARGEST = 2**32 - 1
BITS_PER_SAMPLE_TAG = 258

Row = Any  # one element of an array of FACTS


def facts_of(encoded: Encoded, pixels: NDArray[Any], *, name: str, digest: bytes) -> Row:
    """Return the row of a picture from its file's bytes, its upright pixels (H, W[, C]) at any scale and its digest.

    `id` and `stamp` are left for the ledger. Raises nothing of a picture that was decoded.
    """
    row = np.zeros((), FACTS)
    row["flags"] = SEEN
    row["digest"] = np.frombuffer(digest, np.uint8)
    row["fingerprint"] = fingerprint(pixels)
    if int(pixels.max()) - int(pixels.min()) <= BLANK_SPAN * (257 if pixels.dtype == np.uint16 else 1):
        row["flags"] |= BLANK
    if isinstance(encoded, bytes):
        _describe_file(row, encoded, pixels, name)
    else:
        _describe_array(row, encoded)
    return row


def bad_facts(encoded: Encoded | None, *, digest: bytes | None) -> Row:
    """Return the row of a picture that cannot be decoded, or, where `encoded` is None, not even read."""
    row = np.zeros((), FACTS)
    row["flags"] = SEEN | BAD
    if digest is not None:
        row["digest"] = np.frombuffer(digest, np.uint8)
    if isinstance(encoded, bytes):
        row["bytes"] = min(len(encoded), LARGEST)
    return row


def _describe_file(row: Row, encoded: bytes, pixels: NDArray[Any], name: str) -> None:
    row["bytes"] = min(len(encoded), LARGEST)
    row["height"], row["width"] = pixels.shape[:2]
    row["mode"] = MODES.index(CHANNEL_MODES.get(_channels(pixels), "bands"))
    try:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
        kind = "JPEG" if image.format == "MPO" else image.format or ""
        turn = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # it was decoded by other means than Pillow, or its tags are broken
        return
    width, height = image.size
    turned = turn in UPRIGHT
    row["height"], row["width"] = (width, height) if turned and UPRIGHT[turn][0] else (height, width)
    row["mode"] = MODES.index(_mode_of(image))
    row["kind"] = KINDS.index(kind) if kind in KINDS else 0
    suffix = splitext(name)[1].lower()
    misnamed = any(suffix in s for s in SUFFIXES.values()) and suffix not in SUFFIXES.get(kind, (suffix,))
    for flag, holds in (
        (TURNED, turned),
        (MISNAMED, misnamed),
        (ANIMATED, is_animated(encoded)),
        (DEEP, _is_deep(image, encoded)),
    ):
        row["flags"] |= flag if holds else 0


def _describe_array(row: Row, array: NDArray[Any]) -> None:
    row["bytes"] = min(array.nbytes, LARGEST)
    row["height"], row["width"] = array.shape[:2]
    row["kind"] = KINDS.index("pixels")
    floats = array.dtype.kind == "f"
    row["mode"] = MODES.index("floats" if floats else CHANNEL_MODES.get(_channels(array), "bands"))
    row["flags"] |= DEEP if array.dtype == np.uint16 else 0


def _channels(pixels: NDArray[Any]) -> int:
    return 1 if pixels.ndim == 2 else pixels.shape[2]


def _mode_of(image: Image.Image) -> str:
    if image.mode.startswith("I;16"):
        return "grey"
    return PILLOW_MODES.get(image.mode, "other")


def _is_deep(image: Image.Image, encoded: bytes) -> bool:
    """Say whether a file has more than 8 bits a channel; Pillow shows some such files in 8."""
    if image.format == "PNG":
        return encoded[24] == 16
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE_TAG, (8,))
        return max(bits if isinstance(bits, tuple) else (bits,)) > 8
    return image.mode in ("I", "F") or image.mode.startswith("I;16")
