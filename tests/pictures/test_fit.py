"""A dot is drawn, the picture brought to the network's input, and the dot looked for where the placement says."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from striate.errors import UsageError
from striate.pictures.fit import Fit
from striate.pictures.orientation import UPRIGHT
from striate.pictures.preprocess import Preprocess, resize

Size = tuple[int, int]
FITS: tuple[Fit, ...] = ("crop", "squash", "pad")
# The background of a picture, and the dot's own level.
DARK, BRIGHT = 20, 250


def steps(size: Size, *, fit: Fit, rough: bool = False, depth: Any = 8, mean: Any = ()) -> Preprocess:
    return Preprocess(size=size, channels=3, mean=mean, std=(), fit=fit, rough=rough, depth=depth)


def dot(size: Size, place: NDArray[np.float64], radius: float) -> NDArray[np.uint8]:
    """Return a dark picture with a bright dot about (x, y)."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    far = ((x - place[0]) ** 2 + (y - place[1]) ** 2) / radius**2
    level = DARK + (BRIGHT - DARK) * np.maximum(1 - far, 0) ** 2
    return np.repeat(np.rint(level)[:, :, None], 3, 2).astype(np.uint8)


def found(with_dot: NDArray[Any], without: NDArray[Any]) -> NDArray[np.float64]:
    """Return the centre of what the dot changed of rows (H, W, C)."""
    changed = np.abs(with_dot.astype(float) - without).max(2)
    weights = (changed - 0.3 * changed.max()).clip(0)
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]] + 0.5
    return np.array([(weights * x).sum(), (weights * y).sum()]) / weights.sum()


def at(matrix: NDArray[np.float64], place: Any) -> NDArray[np.float64]:
    return matrix[:, :2] @ place + matrix[:, 2]


def saved(picture: NDArray[np.uint8], kind: str, orientation: int) -> bytes:
    """Return a file that comes out upright as the picture, stored as an EXIF orientation says."""
    transpose, up_down, left_right = UPRIGHT.get(orientation, (False,) * 3)
    stored = picture[:, ::-1] if left_right else picture
    stored = stored[::-1] if up_down else stored
    stored = stored.swapaxes(0, 1) if transpose else stored
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(file, kind, exif=exif, quality=95)
    return file.getvalue()


def hold_to_the_placement(way: Preprocess, size: Size, shares: Any, kind: str, orientation: int) -> bool:
    """Assert that a dot is where the placement says, to half a pixel; False for one that is not whole there."""
    place = np.array(shares) * [size[1], size[0]]
    dark = np.full((*size, 3), DARK, np.uint8)
    empty = way.decoded(saved(dark, kind, orientation))
    decoded: Size = (empty.shape[0], empty.shape[1])
    matrix = way.placement(size, decoded=decoded)
    assert matrix.shape == (2, 3)
    there = at(matrix, place)
    np.testing.assert_allclose(at(way.way_back(size, decoded=decoded), there), place, atol=1e-9)
    scale = matrix[:, :2].diagonal()
    radius = max(4 / scale.min(), 4.0)
    rim = radius * scale + 1
    corners = np.array([at(matrix, (0, 0)), at(matrix, (size[1], size[0]))])
    low, high = np.maximum(corners[0], 0), np.minimum(corners[1], [way.size[1], way.size[0]])
    if (there - rim < low).any() or (there + rim > high).any():
        return False
    file = saved(dot(size, place, radius), kind, orientation)
    off = np.abs(found(way.row(file), way.row(saved(dark, kind, orientation))) - there)
    assert off.max() < 0.5, (off, matrix, decoded)
    return True


SIDES = st.integers(20, 420)
INPUTS = st.integers(24, 96)


WAYS = st.builds(
    steps,
    st.tuples(INPUTS, INPUTS),
    fit=st.sampled_from(FITS),
    rough=st.booleans(),
    depth=st.sampled_from([8, 8, 16]),
)


@given(
    way=WAYS,
    size=st.tuples(SIDES, SIDES),
    shares=st.tuples(st.floats(0.2, 0.8), st.floats(0.2, 0.8)),
    kind=st.sampled_from(["PNG", "JPEG"]),
    orientation=st.integers(1, 8),
)
@settings(max_examples=300, deadline=None)
def test_a_dot_is_where_the_placement_says(
    way: Preprocess, size: Size, shares: Any, kind: str, orientation: int
) -> None:
    hold_to_the_placement(way, size, shares, kind, orientation)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("rough", [False, True])
@pytest.mark.parametrize("size", [(300, 300), (203, 417), (417, 203), (40, 60), (61, 37), (130, 500)])
def test_dots_in_tall_and_wide_pictures_are_where_the_placement_says(
    fit: Fit, rough: bool, size: Size
) -> None:
    whole = [
        hold_to_the_placement(steps((60, 60), fit=fit, rough=rough), size, shares, kind, orientation)
        for shares in ((0.5, 0.5), (0.44, 0.58), (0.57, 0.41))
        for kind, orientation in (("PNG", 1), ("JPEG", 1), ("JPEG", 3), ("JPEG", 6))
    ]
    assert sum(whole) >= 4, "of 12"


@pytest.mark.parametrize("rough", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (4, 8), (9, 5), (1, 30), (30, 1), (1, 1)])
def test_padding_keeps_the_whole_picture_in_the_middle_of_the_mean(size: Size, rough: bool) -> None:
    way = steps((8, 8), fit="pad", rough=rough, mean=(0.1, 0.5, 0.9))
    row = way.row(np.full((*size, 3), 200, np.uint8))
    assert row.shape == (8, 8, 3)
    scale = 8 / max(size)
    tall, wide = (max(1, round(side * scale)) for side in size)
    top, left = (8 - tall) // 2, (8 - wide) // 2
    inside = np.zeros((8, 8), bool)
    inside[top : top + tall, left : left + wide] = True
    assert (row[inside] == 200).all()
    assert way.fill == (26, 128, 230)
    assert (row[~inside] == (26, 128, 230)).all()
    corners = at(way.placement(size), (0, 0)), at(way.placement(size), (size[1], size[0]))
    np.testing.assert_allclose(corners, [(left, top), (left + wide, top + tall)], atol=1e-12)


def test_padding_is_the_same_to_the_network_in_8_and_16_bits_and_grey_before_the_mean_is_known() -> None:
    picture = np.full((4, 8, 3), 77, np.uint8)
    shallow = steps((8, 8), fit="pad", mean=(0.1, 0.5, 0.9)).row(picture)
    deep = steps((8, 8), fit="pad", mean=(0.1, 0.5, 0.9), depth=16).row(picture)
    assert deep.dtype == np.uint16
    np.testing.assert_array_equal(deep, shallow.astype(np.uint16) * 257)
    assert (steps((8, 8), fit="pad").row(picture)[0] == 128).all()
    assert steps((8, 8), fit="pad", mean=(-0.5, 1.0, 3.0)).fill == (0, 255, 255)


@pytest.mark.parametrize(("channels", "shape"), [(1, (6, 12)), (5, (6, 12, 5))])
def test_any_number_of_channels_is_padded(channels: int, shape: tuple[int, ...]) -> None:
    way = Preprocess(size=(8, 8), channels=channels, mean=(0.2,) * channels, std=(), fit="pad")
    row = way.row(np.full(shape, 9, np.uint8))
    assert row.shape == (8, 8, channels)
    assert set(row[:2].ravel()) == {51}
    assert set(row[2:6].ravel()) == {9}


def test_pictures_padded_with_different_levels_are_packed_apart_and_others_as_ever() -> None:
    ways = [steps((8, 8), fit="pad", mean=mean) for mean in ((), (0.1,) * 3, (0.2,) * 3)]
    ways += [replace(ways[0], rough=True), steps((8, 8), fit="crop"), steps((8, 8), fit="squash")]
    assert len({way.how for way in ways}) == len(ways)
    assert ways[1].how == steps((8, 8), fit="pad", mean=(0.1001,) * 3).how  # the level is the same
    assert steps((8, 8), fit="crop", mean=(0.1,) * 3).how == ways[4].how
    assert ways[1].how.startswith("1 pad 26 26 26 exact Pillow ")


def test_a_picture_to_be_padded_is_resized_to_lie_within() -> None:
    picture = np.full((20, 30, 3), 5, np.uint8)
    assert resize(picture, size=(12, 12), fit="pad").shape == (8, 12, 3)
    assert resize(picture, size=(20, 40), fit="pad") is picture


def test_a_size_that_a_picture_is_never_decoded_at_is_refused() -> None:
    with pytest.raises(UsageError) as raised:
        steps((10, 10), fit="crop", rough=True).placement((100, 200), decoded=(50, 99))
    assert str(raised.value) == (
        "decoded is 99 x 50, which a picture of 200 x 100 is never decoded at; "
        "give the size of what Preprocess.decoded returned of it."
    )
