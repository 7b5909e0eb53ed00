"""Fingerprints: 64 bytes that stay nearly the same whatever is done to a picture's file."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from planted import scene

from striate.pictures.fingerprint import BYTES, COLOUR, GREY, fingerprint


def signed(found: NDArray[np.uint8], part: slice) -> NDArray[np.int64]:
    return found[part].view(np.int8).astype(np.int64)


def test_a_fingerprint_is_64_bytes_of_side_mean_frequencies_and_colour() -> None:
    grey = np.full((30, 40), 200, np.uint8)
    found = fingerprint(grey)
    assert found.shape == (BYTES,) == (64,)
    assert found.dtype == np.uint8
    assert found[:2].tolist() == [30, 200]
    assert not found[2:].any()


def test_a_wave_fills_its_own_frequency_alone() -> None:
    across = np.cos(np.pi * 3 * (np.arange(120) + 0.5) / 120)
    found = fingerprint(np.rint(128 + 100 * np.tile(across, (60, 1))).astype(np.uint8))
    waves = signed(found, GREY)
    # Frequencies stand row by row: the third across is the third of the first row, which lacks the mean.
    assert waves.argmax() == 2
    # The mean of 100 cos^2 is 50.
    assert waves[2] == round(((50 + 0.6) ** 0.5 - 0.6**0.5) * 15)
    assert np.abs(np.delete(waves, 2)).max() <= 1


@pytest.mark.parametrize("scale", [0.4, 0.7, 1.6, 5.3])
def test_it_does_not_depend_on_the_size_of_the_picture(scale: float) -> None:
    picture = scene()
    other = Image.fromarray(picture).resize((round(120 * scale), round(96 * scale)), Image.Resampling.LANCZOS)
    apart = signed(fingerprint(picture), GREY) - signed(fingerprint(np.asarray(other)), GREY)
    assert np.abs(apart).max() <= 4


def test_sixteen_bits_and_a_channel_of_its_own_change_nothing() -> None:
    colour = scene()
    grey = colour[:, :, 1].copy()
    wide = colour.astype(np.uint16) * 257
    assert np.abs(signed(fingerprint(colour), GREY) - signed(fingerprint(wide), GREY)).max() <= 1
    assert np.array_equal(fingerprint(grey), fingerprint(grey[:, :, None]))


def test_grey_pixels_in_three_channels_have_no_colour() -> None:
    grey = scene()[:, :, 0]
    tripled = fingerprint(np.stack([grey] * 3, axis=2))
    assert not tripled[COLOUR].any()
    assert np.abs(signed(fingerprint(grey), GREY) - signed(tripled, GREY)).max() <= 1


def test_colour_is_told_apart_where_the_grey_picture_is_the_same() -> None:
    red, blue = np.zeros((2, 50, 50, 3), np.uint8)
    red[:, :, 0], blue[:, :, 2] = 100, 255
    assert np.abs(signed(fingerprint(red), COLOUR) - signed(fingerprint(blue), COLOUR)).max() > 50


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1, 3), (5, 7, 5), (3, 2, 4)])
def test_the_smallest_and_the_oddest_shapes_have_one(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert fingerprint(pixels).shape == (64,)


def test_rows_are_summed_as_if_one_by_one_whatever_is_left_over() -> None:
    # 130 rows are summed by four with two left over; their means, each as high as it is, are the same picture.
    picture = scene(130, 64)
    tall = np.repeat(picture, 7, axis=0)
    apart = signed(fingerprint(picture), GREY) - signed(fingerprint(tall), GREY)
    assert np.abs(apart).max() <= 1


def test_threads_make_the_same_fingerprints() -> None:
    pictures = [scene(50 + i, 70, seed=i) for i in range(24)]
    alone = [fingerprint(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fingerprint, pictures))
    assert np.array_equal(alone, together)
