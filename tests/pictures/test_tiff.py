"""TIFFs, held to what tifffile wrote."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from striate.pictures.decode import BadPicture, decode
from striate.pictures.header import bands_of, depth_of, is_animated, size_of


def tiff(values: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def noise(*shape: int, dtype: Any = np.uint16) -> Any:
    return np.random.default_rng(3).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def reason(data: bytes, channels: int = 3) -> str:
    with pytest.raises(BadPicture) as caught:
        decode(data, channels=channels)
    return str(caught.value)


GREY, RGB = {"photometric": "minisblack"}, {"photometric": "rgb"}
TOGETHER, APART = {"planarconfig": "contig"}, {"planarconfig": "separate"}
WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"byteorder": ">"},
    {"compression": "lzw"},
    {"compression": "zstd"},
    {"compression": "deflate", "predictor": True},
    {"tile": (16, 16)},
    {"bigtiff": True},
    {"rowsperstrip": 4},
)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [2, 4, 5, 13])
def test_bands_come_as_they_are_stored(bands: int, dtype: Any, way: dict[str, Any]) -> None:
    values = noise(30, 40, bands, dtype=dtype)
    for data in (
        tiff(values, **GREY, **TOGETHER, **way),
        tiff(np.moveaxis(values, 2, 0), **GREY, **APART, **way),
    ):
        depth = 8 if dtype == np.uint8 else 16
        np.testing.assert_array_equal(decode(data, channels=bands, depth=depth), values)
        assert (size_of(data), bands_of(data), depth_of(data)) == ((30, 40), bands, depth)
        assert reason(data) == f"it has {bands} bands; wanted 3"
        assert reason(data, bands + 1) == f"it has {bands} bands; wanted {bands + 1}"


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("alpha", [False, True])
def test_colour_of_16_bits_keeps_all_of_them(alpha: bool, way: dict[str, Any]) -> None:
    values = noise(30, 40, 3)
    stored = np.dstack([values, np.full((30, 40), 65535, np.uint16)]) if alpha else values
    kind = {**RGB, "extrasamples": ["unassalpha"]} if alpha else RGB
    for data in (tiff(stored, **kind, **way), tiff(np.moveaxis(stored, 2, 0), **kind, **APART, **way)):
        assert (bands_of(data), depth_of(data)) == (3, 16)
        np.testing.assert_array_equal(decode(data, channels=3, depth=16), values)
        shallow = decode(data, channels=3)
        assert shallow.dtype == np.uint8
        assert np.abs(shallow - values / 257).max() < 1  # Pillow takes the high byte, tifffile rounds


def test_floats_in_colour_are_scaled_from_0_to_1() -> None:
    values = np.random.default_rng(3).random((6, 7, 3), np.float32)
    data = tiff(values, **RGB)
    np.testing.assert_array_equal(decode(data, channels=3), np.rint(values * 255).astype(np.uint8))
    deep = decode(data, channels=3, depth=16)
    np.testing.assert_array_equal(deep, np.rint(values.astype(float) * 65535).astype(np.uint16))
    assert reason(tiff(values * 2, **RGB)).startswith("float32 values from 0.")
    double = tiff(values[:, :, 0].astype(float))
    np.testing.assert_array_equal(decode(double, channels=1), np.rint(values[:, :, 0] * 255).astype(np.uint8))


def test_a_fourth_band_beside_rgb_is_left_out_where_rgb_is_wanted_and_kept_where_four_are() -> None:
    values = noise(6, 7, 4, dtype=np.uint8)
    data = tiff(values, **RGB, extrasamples=["unspecified"])
    np.testing.assert_array_equal(decode(data, channels=3), values[:, :, :3])
    np.testing.assert_array_equal(decode(data, channels=4), values)
    assert bands_of(data) == 4


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_where_0_is_white_the_picture_is_turned_to_where_it_is_black(way: dict[str, Any]) -> None:
    for dtype in (np.uint8, np.uint16):
        values = noise(30, 40, dtype=dtype)
        data = tiff(values, photometric="miniswhite", **way)
        top, depth = np.iinfo(dtype).max, 8 if dtype == np.uint8 else 16
        np.testing.assert_array_equal(decode(data, channels=1, depth=depth), top - values)  # type: ignore[arg-type]


def test_signed_bytes_are_refused_rather_than_read_as_others() -> None:
    values = np.array([[-5, 5]], np.int8)
    assert reason(tiff(values)) == "int8 values; wanted uint8, uint16 or floats in 0..1"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_of_bands_is_turned_upright_as_pillow_turns_any(orientation: int) -> None:
    values = noise(6, 7, 5, dtype=np.uint8)
    tag = [(274, "H", 1, orientation, True)]
    bands = decode(tiff(values, **GREY, **TOGETHER, extratags=tag), channels=5)
    first = tiff(np.ascontiguousarray(values[:, :, 0]), **GREY, extratags=tag)
    np.testing.assert_array_equal(bands[:, :, 0], decode(first, channels=1))
    assert bands.shape[:2] == ((7, 6) if orientation >= 5 else (6, 7))


def test_of_many_pages_the_first_is_taken_and_it_is_known() -> None:
    values = noise(3, 6, 7, dtype=np.uint8)
    data = tiff(values, **GREY)
    np.testing.assert_array_equal(decode(data, channels=1), values[0])
    assert is_animated(data)


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_tiff_of_bands_is_refused(kept: float, compression: Any) -> None:
    data = tiff(noise(30, 40, 5), **GREY, **TOGETHER, compression=compression)
    assert reason(data[: int(len(data) * kept)], 5) == "image file is truncated"


def test_a_tiff_bomb_is_refused_from_its_header() -> None:
    data = bytearray(tiff(noise(8, 8, 5), **GREY, **TOGETHER, compression="deflate"))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        places = [file.pages[0].tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
    for place in places:
        data[place : place + 4] = (60_000).to_bytes(4, "little")
    assert reason(bytes(data), 5) == "60000 x 60000 x 5 values are more than a picture may have"


def test_kinds_that_are_not_read_say_so() -> None:
    data = tiff(noise(6, 7, 4), photometric="separated")
    assert reason(data, 4) == "it has 3 bands; wanted 4"
    assert reason(tiff(noise(6, 7, 3), photometric="cielab")) == "a TIFF of CIELAB 16 bits, which is not read"


def test_a_picture_of_few_bands_is_not_taken_for_one_of_many() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (4, 4)).save(file, "PNG")
    assert reason(file.getvalue(), 4) == "it has 3 bands; wanted 4"
    assert reason(tiff(noise(6, 7)), 5) == "it has 1 band; wanted 5"
