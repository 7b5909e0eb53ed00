"""What a file is, by its first bytes, and opening it with Pillow."""

import io

from PIL import Image, features

# What Pillow is asked for; AVIF only where it was built with it.
FORMATS = (
    *("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"),
    *(("AVIF",) if features.check("avif") else ()),
)
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# The brands of a HEIC file. What decodes them is under the GPL or LGPL, and so no part of striate.
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
GREY_MODES = {"1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
PHOTOMETRIC, SAMPLES, EXTRA_SAMPLES = 262, 277, 338  # tags of a TIFF
COUNTED = {0, 1, 2}  # photometric grey and RGB, whose samples are bands
ALPHAS = {1, 2}  # extra samples that say how opaque a pixel is


def open_picture(data: bytes) -> Image.Image:
    """Return a file as Pillow opens it, its header read and no pixel decoded."""
    return Image.open(io.BytesIO(data), formats=FORMATS)


def is_tiff(data: bytes) -> bool:
    """Say whether a file is a TIFF or BigTIFF."""
    return data.startswith(TIFF_MARKS)


def is_dicom(data: bytes) -> bool:
    """Say whether a file is DICOM, by the mark behind its preamble."""
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
    """Return the values of a pixel beside transparency: 1 for grey, 3 for colour, others in TIFFs; 0 for a palette."""
    if image.mode == "P":
        return 0
    tags = getattr(image, "tag_v2", {})
    if tags.get(PHOTOMETRIC) in COUNTED:
        extra = tags.get(EXTRA_SAMPLES, ())
        alphas = ALPHAS.intersection(extra if isinstance(extra, tuple) else (extra,))
        return int(tags.get(SAMPLES, 1)) - len(alphas)
    return 1 if image.mode in GREY_MODES else 3
