"""Files with some bytes changed, as disks and downloads change them."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from striate.pictures.decode import BadPicture, decode
from striate.pictures.header import is_animated, is_grey, size_of


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def seeds_of_fuzzing() -> dict[str, bytes]:
    """Return a small file of each kind that decoders treat apart."""
    image = Image.fromarray(np.random.default_rng(5).integers(0, 256, (12, 14, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(np.arange(168, dtype=np.uint16).reshape(12, 14))
    return {
        "jpeg": encoded(image, "JPEG", exif=exif),
        "cmyk": encoded(image.convert("CMYK"), "JPEG"),
        "png": encoded(image, "PNG"),
        "png palette": encoded(image.quantize(16), "PNG", transparency=3),
        "png deep": encoded(deep, "PNG"),
        "apng": encoded(image, "PNG", save_all=True, append_images=[image.rotate(90)]),
        "gif": encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
        "webp": encoded(image, "WEBP", exif=exif),
        "tiff": encoded(image, "TIFF", compression="tiff_lzw"),
        "tiff raw": encoded(deep, "TIFF"),
        "bmp": encoded(image.quantize(16), "BMP"),
        "ppm": encoded(image, "PPM"),
    }


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with some bytes changed, most of them near its start, and sometimes cut short or doubled."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 8)):
        reach = len(changed) if rng.random() < 0.4 else min(len(changed), 80)
        changed[rng.integers(reach)] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    if rng.random() < 0.2:
        del changed[rng.integers(len(changed)) :]
    return bytes(changed) * (2 if rng.random() < 0.1 else 1)


@pytest.mark.filterwarnings("ignore")  # as errors, Pillow's warnings would be refusals that users do not have
@pytest.mark.parametrize(("kind", "data"), seeds_of_fuzzing().items(), ids=seeds_of_fuzzing().keys())
def test_of_damaged_files_only_bad_picture_comes(kind: str, data: bytes) -> None:
    rng = np.random.default_rng(len(data))
    reasons: list[str] = []
    assert decode(data, channels=3).size
    for _ in range(150):
        broken = mutated(data, rng)
        is_grey(broken), size_of(broken), is_animated(broken)
        try:
            pixels = decode(broken, channels=3)
        except BadPicture as error:
            reasons.append(str(error))
        else:
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert pixels.size
    assert 0 < len(reasons) < 150
    assert not [text for text in reasons if not text or " at 0x" in text or "\n" in text]
