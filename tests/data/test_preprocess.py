import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from striate.data.decode import BadPicture
from striate.data.preprocess import Preprocess, resize

SIDES = st.integers(1, 400)


def preprocess(size: tuple[int, int], *, channels: Any = 3, fit: Any = "crop") -> Preprocess:
    return Preprocess(size=size, channels=channels, mean=(0.5,) * channels, std=(0.25,) * channels, fit=fit)


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
