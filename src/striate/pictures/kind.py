"""Detecting a file's format by its first bytes, and opening it with Pillow."""

import io
import os
import re

from PIL import Image, features

# Formats that Pillow may read; AVIF only where Pillow was built with it.
FORMATS = (
    *("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"),
    *(("AVIF",) if features.check("avif") else ()),
)
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# The brands of a HEIC file. Its decoders are under the GPL or LGPL, and so are not used.
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
GREY_MODES = {"1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
PHOTOMETRIC, SAMPLES, EXTRA_SAMPLES = 262, 277, 338  # tags of a TIFF
COUNTED = {0, 1, 2}  # photometric interpretations, grey and RGB, whose samples are bands
ALPHAS = {1, 2}  # kinds of extra samples that are alpha
# Format, by a file's content -> endings of its name.
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),
    "DICOM": (".dcm", ".dicom"),
    "npy": (".npy",),
}
# Endings of files that are listed as pictures: those above, HEIC, which is then reported as unreadable, and none.
# The format is detected by content all the same.
ENDINGS = {*(ending for endings in SUFFIXES.values() for ending in endings), ".heic", ".heif", ""}
# Facts store an index into this tuple.
KINDS = ("other", "pixels", *SUFFIXES)
# Format -> how a file of it begins.
MARKS = {
    "JPEG": re.compile(rb"\xff\xd8"),
    "PNG": re.compile(rb"\x89PNG"),
    "GIF": re.compile(rb"GIF8"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "BMP": re.compile(rb"BM"),
    "PPM": re.compile(rb"P[1-7f][\s#]", re.IGNORECASE),
    "AVIF": re.compile(rb"....ftypavi[fs]", re.DOTALL),
    "npy": re.compile(rb"\x93NUMPY"),
    "DICOM": re.compile(rb".{128}DICM", re.DOTALL),
}


def open_picture(data: bytes) -> Image.Image:
    """Open a file with Pillow, which reads its header and decodes no pixel."""
    return Image.open(io.BytesIO(data), formats=FORMATS)


def is_tiff(data: bytes) -> bool:
    """Say whether a file is a TIFF or BigTIFF."""
    return data.startswith(TIFF_MARKS)


def is_dicom(data: bytes) -> bool:
    """Say whether a file is DICOM, by the mark after its preamble."""
    return data[128:132] == b"DICM"


def is_heic(data: bytes) -> bool:
    """Say whether a file is HEIC, by the brands in its first box."""
    if data[4:8] != b"ftyp":
        return False
    brands = data[8 : min(int.from_bytes(data[:4]), 256)]
    return brands.startswith(HEIC_BRANDS) or (
        brands.startswith((b"mif1", b"msf1")) and any(brand in brands for brand in HEIC_BRANDS)
    )


def image_bands(image: Image.Image) -> int:
    """Return the number of bands without alpha: 1 for grey, 3 for colour, others in TIFFs; 0 for a palette."""
    if image.mode == "P":
        return 0
    tags = getattr(image, "tag_v2", {})
    if tags.get(PHOTOMETRIC) in COUNTED:
        extra = tags.get(EXTRA_SAMPLES, ())
        alphas = ALPHAS.intersection(extra if isinstance(extra, tuple) else (extra,))
        return int(tags.get(SAMPLES, 1)) - len(alphas)
    return 1 if image.mode in GREY_MODES else 3


def is_picture(name: str) -> bool:
    """Say whether a name has an ending of pictures; one without an ending has not."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix != "" and suffix in ENDINGS


def kind_of(encoded: bytes) -> str:
    """Return the format of a file by its first bytes, one of KINDS."""
    return next((kind for kind, mark in MARKS.items() if mark.match(encoded)), "other")
