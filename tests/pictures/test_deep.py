"""16 bits a value in colour, which Pillow gives as 8, held to imagecodecs' own decoder."""

import io
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from striate.pictures.decode import decode
from striate.pictures.header import bands_of, depth_of
from striate.pictures.pixels import to_depth, widen


def noise(*shape: int) -> Any:
    return np.random.default_rng(3).integers(0, 65536, shape, dtype=np.uint16)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_a_png_of_16_bit_colour_keeps_all_of_them() -> None:
    values = noise(23, 31, 3)
    data = imagecodecs.png_encode(values)
    np.testing.assert_array_equal(decode(data, channels=3, depth=16), values)
    assert (bands_of(data), depth_of(data)) == (3, 16)
    grey = decode(data, channels=1, depth=16)
    np.testing.assert_allclose(grey, values @ np.array([0.299, 0.587, 0.114]), atol=1)


@pytest.mark.parametrize("bands", [2, 4])
def test_a_png_of_16_bit_transparency_is_laid_on_white(bands: int) -> None:
    values = noise(23, 31, bands)
    share = values[..., -1:] / 65535
    expected = values[..., :-1] * share + 65535 * (1 - share)
    got = decode(imagecodecs.png_encode(values), channels=bands - 1, depth=16)
    np.testing.assert_allclose(got.reshape(expected.shape), expected, atol=0.51)


def test_a_turned_picture_of_16_bit_colour_is_turned_upright() -> None:
    values = noise(5, 7, 3)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    plain = imagecodecs.png_encode(values)
    chunk = len(exif[6:]).to_bytes(4, "big") + b"eXIf" + exif[6:]
    data = plain[:33] + chunk + zlib.crc32(chunk[4:]).to_bytes(4, "big") + plain[33:]
    np.testing.assert_array_equal(decode(data, channels=3, depth=16), np.rot90(values, -1))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_grey_of_16_bits_is_as_stored(form: str) -> None:
    values = noise(9, 11)
    data = encoded(Image.fromarray(values), form)
    np.testing.assert_array_equal(decode(data, channels=1, depth=16), values)
    np.testing.assert_array_equal(decode(data, channels=3, depth=16), np.stack([values] * 3, 2))
    assert depth_of(data) == 16


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_8_bits_in_16_are_257_times_what_they_are_in_8(mode: str, channels: int) -> None:
    image = Image.fromarray((noise(9, 11, 4) >> 8).astype(np.uint8)).convert("RGB").convert(mode)
    for data in (encoded(image, "TIFF"), image, np.asarray(image.convert("RGB"))):
        shallow = decode(data, channels=channels)
        assert shallow.dtype == np.uint8
        np.testing.assert_array_equal(decode(data, channels=channels, depth=16), shallow * np.uint16(257))
        assert depth_of(data) == 8
    jpeg = encoded(image.convert("RGB"), "JPEG")
    np.testing.assert_array_equal(
        decode(jpeg, channels=channels, depth=16), decode(jpeg, channels=channels) * np.uint16(257)
    )


def test_the_transparent_colour_of_a_16_bit_png_is_white() -> None:
    values = noise(2, 2, 3)
    plain = imagecodecs.png_encode(values)
    clear = b"tRNS" + values[0, 1].astype(">u2").tobytes()
    data = plain[:33] + (6).to_bytes(4, "big") + clear + zlib.crc32(clear).to_bytes(4, "big") + plain[33:]
    expected = values.copy()
    expected[0, 1] = 65535
    np.testing.assert_array_equal(decode(data, channels=3, depth=16), expected)


def test_every_16_bit_value_keeps_its_place_in_8_bits() -> None:
    values = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(to_depth(values, 8), [round(int(v) / 257) for v in values])
    np.testing.assert_array_equal(to_depth(widen(np.arange(256, dtype=np.uint8), 16), 8), np.arange(256))
    np.testing.assert_array_equal(to_depth((values / 65535), 16), values)
