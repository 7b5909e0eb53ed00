import io
from typing import Any

import numpy as np
import pytest

from striate.pictures.decode import BadPicture, decode
from striate.pictures.header import bands_of, depth_of, is_grey, size_of
from striate.pictures.npy import read_npy


def npy(values: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


def noise(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.random.default_rng(3).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def reason(data: Any, channels: int = 3) -> str:
    with pytest.raises(BadPicture) as caught:
        decode(data, channels=channels)
    return str(caught.value)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4), (5, 7, 12)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_npy_file_is_the_picture_its_array_is(shape: tuple[int, ...], dtype: Any, order: Any) -> None:
    values = np.array(noise(*shape, dtype=dtype), order=order)
    channels = (1, 3) if shape[2:] in ((), (1,), (3,)) else (shape[2],)
    for channel in channels:
        for depth in (8, 16):
            from_file = decode(npy(values), channels=channel, depth=depth)  # type: ignore[arg-type]
            np.testing.assert_array_equal(from_file, decode(values, channels=channel, depth=depth))  # type: ignore[arg-type]
            assert from_file.dtype == (np.uint8 if depth == 8 else np.uint16)


def test_bands_come_as_they_are_stored() -> None:
    values = noise(5, 7, 6, dtype=np.uint16)
    np.testing.assert_array_equal(decode(npy(values), channels=6, depth=16), values)
    np.testing.assert_array_equal(decode(npy(values), channels=6), np.rint(values / 257).astype(np.uint8))
    np.testing.assert_array_equal(decode(npy(values.astype(">u2")), channels=6, depth=16), values)
    small = noise(5, 7, 2)
    np.testing.assert_array_equal(decode(npy(small), channels=2), small)
    np.testing.assert_array_equal(decode(npy(small), channels=2, depth=16), small * np.uint16(257))


def test_floats_lie_in_0_to_1_and_are_scaled_to_the_depth() -> None:
    values = np.array([[0, 0.25, 0.5, 1]])
    for dtype in (np.float16, np.float32, np.float64):
        data = npy(values.astype(dtype))
        assert decode(data, channels=1).tolist() == [[0, 64, 128, 255]]
        assert decode(data, channels=1, depth=16).tolist() == [[0, 16384, 32768, 65535]]
    assert reason(npy(values * 255), 1) == "float64 values from 0.0 to 255.0; wanted 0 to 1"
    assert reason(values * 255, 1) == "float64 values from 0.0 to 255.0; wanted 0 to 1"


def test_deep_colour_becomes_grey_as_pillow_weighs_it() -> None:
    values = noise(9, 11, 3)
    shallow, deep = decode(values, channels=1), decode(values.astype(np.uint16) * 257, channels=1, depth=16)
    assert np.abs(deep / 257 - shallow).max() <= 0.51


def test_deep_transparency_is_laid_on_white() -> None:
    values = np.array([[[65535, 0, 1000, 65535], [65535, 0, 0, 32768], [9, 9, 9, 0]]], np.uint16)
    assert decode(values, channels=3, depth=16).tolist() == [
        [[65535, 0, 1000], [65535, 32767, 32767], [65535] * 3]
    ]


def test_four_values_are_four_bands_to_a_network_of_four_channels() -> None:
    values = noise(5, 7, 4)
    np.testing.assert_array_equal(decode(npy(values), channels=4), values)


@pytest.mark.parametrize(
    ("data", "channels", "expected"),
    [
        (npy(np.array([[{}]])), 3, "a .npy file of Python objects, which are never opened"),
        (npy(noise(8, 8))[:-1], 3, "its header tells of 64 bytes of numbers, and 63 are there"),
        (npy(noise(8, 8)) + b"\0", 3, "its header tells of 64 bytes of numbers, and 65 are there"),
        (b"\x93NUMPY\x03\0", 3, "a .npy file of version 3.0; wanted 1.0 or 2.0"),
        (npy(noise(8, 8)).replace(b"descr", b"desc("), 3, "the header of the .npy file is damaged"),
        (
            npy(noise(8, 8)).replace(b"(8, 8)", b"(-8,8)"),
            3,
            "its header tells of -64 bytes of numbers, and 64 are there",
        ),
        (
            npy(noise(8, 8, 5)),
            3,
            "an array of uint8 (8, 8, 5); wanted uint8, uint16 or floats in 0..1, (H, W), (H, W, 3) or (H, W, 4)",
        ),
        (
            npy(noise(8, 8, 5)),
            6,
            "an array of uint8 (8, 8, 5); wanted uint8, uint16 or floats in 0..1, (H, W, 6)",
        ),
        (
            npy(np.zeros((8, 8), bool)),
            1,
            "an array of bool (8, 8); wanted uint8, uint16 or floats in 0..1, (H, W), (H, W, 3) or (H, W, 4)",
        ),
        (
            np.broadcast_to(np.uint8(0), (20_000, 20_000)),
            1,
            "20000 x 20000 pixels are more than the 178,956,970 a picture may have",
        ),
    ],
)
def test_what_is_no_picture_says_why(data: Any, channels: int, expected: str) -> None:
    assert reason(data, channels) == expected


def test_nothing_is_copied_of_a_file_of_pixels() -> None:
    data = npy(noise(4, 4))
    assert read_npy(data).base is not None


def test_headers_say_size_bands_and_depth() -> None:
    for values in (noise(5, 7, 6), noise(5, 7), noise(5, 7, 3, dtype=np.uint16)):
        for picture in (values, npy(values)):
            assert size_of(picture) == (5, 7)
            assert bands_of(picture) == (1 if values.ndim == 2 else values.shape[2])
            assert depth_of(picture) == (8 if values.dtype == np.uint8 else 16)
            assert is_grey(picture) == (values.ndim == 2)
    assert bands_of(npy(np.array([[{}]]))) is None
    assert depth_of(b"nothing") == 8
