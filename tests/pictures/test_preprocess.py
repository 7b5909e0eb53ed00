import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from striate.errors import UsageError
from striate.pictures.decode import BadPicture, decode
from striate.pictures.preprocess import Preprocess, resize, shallow

SIDES = st.integers(1, 400)


def preprocess(size: tuple[int, int], *, channels: int = 3, fit: Any = "crop", depth: Any = 8) -> Preprocess:
    mean, std = (0.5,) * channels, (0.25,) * channels
    return Preprocess(size=size, channels=channels, mean=mean, std=std, fit=fit, depth=depth)


def noise(*shape: int) -> Any:
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def test_pixels_are_channels_first_and_the_callers_own() -> None:
    for channels, picture in ((1, noise(6, 8)), (3, noise(6, 8, 3)), (3, noise(1, 1, 3))):
        picture.flags.writeable = False
        size = picture.shape[:2]
        pixels = preprocess(size, channels=channels).pixels(picture)
        assert pixels.shape == (channels, *size)
        assert pixels.flags.writeable
        assert pixels.flags.c_contiguous
        assert not np.shares_memory(pixels, picture)
        np.testing.assert_array_equal(pixels, picture.reshape(*size, channels).transpose(2, 0, 1))


@pytest.mark.parametrize("fit", ["crop", "squash"])
def test_a_picture_of_the_wanted_size_keeps_every_bit(fit: Any) -> None:
    picture = noise(7, 9, 3)
    assert resize(picture, size=(7, 9), fit=fit) is picture


@pytest.mark.parametrize(
    ("shape", "kept"), [((4, 8), (0, 2, 4, 6)), ((8, 4), (2, 0, 6, 4)), ((5, 4), (0.5, 0, 4.5, 4))]
)
def test_cropping_keeps_the_middle_of_the_longer_side(
    shape: tuple[int, int], kept: tuple[float, ...]
) -> None:
    top, left, bottom, right = kept
    picture = noise(*shape)
    expected = Image.fromarray(picture).resize(
        (2, 2), Image.Resampling.BILINEAR, box=(left, top, right, bottom)
    )
    np.testing.assert_array_equal(resize(picture, size=(2, 2), fit="crop"), np.asarray(expected))


def test_cropping_by_whole_pixels_is_a_plain_slice() -> None:
    picture = noise(10, 32, 3)
    np.testing.assert_array_equal(resize(picture, size=(10, 10), fit="crop"), picture[:, 11:21])


def shrunk(row: list[int], size: int) -> list[int]:
    """Return a row made smaller by the tent filter, summed up pixel by pixel."""
    scale = len(row) / size
    out = []
    for place in range(size):
        centre = (place + 0.5) * scale
        weights = [max(0.0, 1 - abs(x + 0.5 - centre) / scale) for x in range(len(row))]
        out.append(round(sum(w * value for w, value in zip(weights, row, strict=True)) / sum(weights)))
    return out


def test_squashing_keeps_all_of_both_sides_and_weighs_every_pixel_it_covers() -> None:
    row = [0, 9, 200, 200, 31, 255, 8, 77]
    small = resize(np.tile(np.array(row, np.uint8), (6, 1)), size=(2, 2), fit="squash")
    assert small.tolist() == [shrunk(row, 2)] * 2
    tall = resize(np.tile(np.array(row, np.uint8)[:, None], (1, 6)), size=(3, 2), fit="squash")
    assert tall[:, 0].tolist() == shrunk(row, 3)


@given(height=SIDES, width=SIDES, size=st.tuples(SIDES, SIDES))
@settings(max_examples=300, deadline=None)
def test_a_picture_of_any_shape_fits_any_other(height: int, width: int, size: tuple[int, int]) -> None:
    plain = np.full((height, width), 77, np.uint8)
    for fit in ("crop", "squash"):
        assert (resize(plain, size=size, fit=fit) == 77).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(("side", "size"), [(1497, 299), (1001, 224), (803, 97)])
def test_a_square_picture_is_cropped_nowhere_though_its_ratio_rounds_up(side: int, size: int) -> None:
    picture = noise(side, side)
    np.testing.assert_array_equal(
        resize(picture, size=(size, size), fit="crop"), resize(picture, size=(size, size), fit="squash")
    )


def test_normalising_is_the_sum_on_paper() -> None:
    batch = torch.tensor([[[[0, 255]], [[51, 102]], [[128, 1]]]], dtype=torch.uint8)
    steps = Preprocess(size=(1, 2), channels=3, mean=(0.5, 0.2, 0.0), std=(0.25, 0.1, 1.0))
    expected = torch.tensor([[[[-2.0, 2.0]], [[0.0, 2.0]], [[128 / 255, 1 / 255]]]])
    torch.testing.assert_close(steps.normalise(batch), expected, rtol=0, atol=1e-6)
    assert batch.tolist() == [[[[0, 255]], [[51, 102]], [[128, 1]]]]


def test_a_picture_alone_and_in_a_batch_is_normalised_to_the_same_bits() -> None:
    batch = torch.from_numpy(noise(5, 3, 8, 8))
    whole = preprocess((8, 8)).normalise(batch)
    for i in range(5):
        assert torch.equal(preprocess((8, 8)).normalise(batch[i : i + 1])[0], whole[i])


def test_a_bad_picture_is_refused_with_its_reason() -> None:
    with pytest.raises(BadPicture, match=r"^the file is empty$"):
        preprocess((4, 4)).pixels(b"")


def test_a_file_is_decoded_resized_and_laid_out() -> None:
    picture = noise(20, 30, 3)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    expected = np.asarray(
        Image.fromarray(picture).resize((10, 10), Image.Resampling.BILINEAR, box=(5, 0, 25, 20))
    )
    np.testing.assert_array_equal(preprocess((10, 10)).pixels(file.getvalue()), expected.transpose(2, 0, 1))


# --- any number of channels, and 16 bits


def tent(have: int, want: int) -> Any:
    """Return the antialiased bilinear filter as a matrix (want, have)."""
    scale = have / want
    reach = max(scale, 1.0)
    centres = (np.arange(want)[:, None] + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(have) + 0.5 - centres) / reach)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [(11, 20), (61, 80), (1, 1)])
@pytest.mark.parametrize("depth", [8, 16])
def test_every_band_is_resized_by_the_same_filter(channels: int, size: tuple[int, int], depth: int) -> None:
    picture = noise(37, 53, channels)
    if depth == 16:
        picture = picture.astype(np.uint16) * 251
    pixels = preprocess(size, channels=channels, fit="squash", depth=depth).pixels(
        picture if channels > 1 else picture[..., 0]
    )
    expected = np.einsum("yh,hwc,xw->cyx", tent(37, size[0]), picture, tent(53, size[1]))
    assert pixels.dtype == (np.uint8 if depth == 8 else np.uint16)
    assert pixels.shape == (channels, *size)
    # Pillow's 8-bit filter rounds between the two directions, and weighs in fixed point.
    np.testing.assert_allclose(pixels, expected, atol=1.1 if depth == 8 else 0.51)


def test_three_bands_of_one_picture_are_resized_as_its_colours() -> None:
    picture = noise(37, 53, 3)
    colour = resize(picture, size=(9, 9), fit="crop")
    bands = resize(np.dstack([picture, picture]), size=(9, 9), fit="crop")
    np.testing.assert_array_equal(bands, np.dstack([colour, colour]))


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_8_bits_kept_in_16_reach_the_network_as_the_same_bits_where_nothing_is_resized(channels: int) -> None:
    picture = noise(6, 8, channels) if channels > 1 else noise(6, 8)
    inputs = []
    for depth in (8, 16):
        steps = preprocess((6, 8), channels=channels, depth=depth)
        inputs.append(steps.normalise(torch.from_numpy(steps.pixels(picture))[None]))
    assert torch.equal(*inputs)


def test_normalising_takes_8_bits_16_bits_and_floats_on_the_scale_of_8_bits() -> None:
    steps = preprocess((1, 2), channels=1)
    expected = torch.tensor([[[[-2.0, 2.0]]]])
    floats = torch.tensor([[[[0.0, 255.0]]]])
    for batch in (floats, floats.to(torch.uint8), torch.tensor([[[[0, 65535]]]], dtype=torch.uint16)):
        before = batch.clone()
        torch.testing.assert_close(steps.normalise(batch), expected, rtol=0, atol=1e-6)
        assert torch.equal(batch, before)
    half = torch.tensor([[[[32767.5]]]]) / 257
    torch.testing.assert_close(steps.normalise(half), torch.tensor([[[[0.0]]]]), rtol=0, atol=1e-6)


def test_shallow_keeps_the_fractions_of_16_bits_and_leaves_the_rest_alone() -> None:
    deep = torch.tensor([0, 1, 257, 65535], dtype=torch.uint16)
    torch.testing.assert_close(shallow(deep), torch.tensor([0.0, 1 / 257, 1.0, 255.0]))
    small = torch.tensor([3], dtype=torch.uint8)
    assert shallow(small) is small


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"channels": 0}, "channels is 0; it must be at least 1."),
        ({"mean": (0.5,)}, "mean has 1 values for 3 channels."),
        ({"std": (0.5,) * 4}, "std has 4 values for 3 channels."),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: Any, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        replace(preprocess((4, 4)), **values)
    assert str(raised.value) == message


# --- rough decoding


def photo(height: int, width: int, **options: Any) -> bytes:
    """Return a smooth JPEG."""
    coarse = Image.fromarray(noise(height // 16, width // 16, 3))
    file = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("size", [(64, 64), (100, 180), (24, 24), (400, 400)])
def test_rough_pixels_are_a_few_levels_off(size: tuple[int, int], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data, steps = photo(384, 512, exif=exif), preprocess(size)
    fine, rough = steps.pixels(data), replace(steps, rough=True).pixels(data)
    assert rough.shape == fine.shape
    assert np.abs(fine.astype(int) - rough).mean() < 5
    if min(size) >= 400:  # nothing to decode smaller
        assert np.abs(fine.astype(int) - rough).max() <= 8


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("fit", ["crop", "squash"])
def test_a_rough_resize_differs_by_a_level_where_nothing_is_cut(channels: int, fit: Any) -> None:
    picture = noise(60, 90, channels)
    picture.flags.writeable = False
    picture = picture[..., 0] if channels == 1 else picture
    steps = preprocess((20, 30), channels=channels, fit=fit)
    fine, rough = steps.pixels(picture), replace(steps, rough=True).pixels(picture)
    assert rough.flags.c_contiguous
    assert rough.flags.writeable
    assert np.abs(fine.astype(int) - rough).max() <= 1


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (3, 1000), (1, 1)])
@pytest.mark.parametrize("size", [(8, 8), (1, 9), (9, 1)])
def test_a_rough_resize_takes_any_shape(shape: tuple[int, int], size: tuple[int, int]) -> None:
    picture = np.full(shape, 77, np.uint8)
    assert (replace(preprocess(size, channels=1), rough=True).pixels(picture) == 77).all()


def test_rough_16_bits_are_resized_as_ever() -> None:
    picture = noise(60, 90, 3).astype(np.uint16) * 257
    steps = preprocess((20, 30), depth=16)
    np.testing.assert_array_equal(steps.pixels(picture), replace(steps, rough=True).pixels(picture))


def test_rough_decoding_goes_no_smaller_than_asked_also_of_a_turned_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = photo(256, 512, exif=exif)  # upright 512 high and 256 wide
    assert decode(data, channels=3).shape == (512, 256, 3)
    for at_least, shape in (
        ((128, 64), (128, 64, 3)),
        ((129, 64), (256, 128, 3)),
        ((64, 128), (256, 128, 3)),
        ((64, 129), (512, 256, 3)),
        ((1, 1), (64, 32, 3)),
    ):
        assert decode(data, channels=3, at_least=at_least).shape == shape
