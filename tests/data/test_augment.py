from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from striate.data.augment import PRESETS, Augment
from striate.data.draw import sample_id, uniform

IDS = np.array([sample_id(str(i)) for i in range(40)], np.uint64)


def batch(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


def shifted(image: Any, down: int, right: int) -> Any:
    """Return an image (C, H, W) whose pixel (y, x) is that of (y + down, x + right), its edges repeated, by loops."""
    channels, height, width = image.shape
    out = np.empty_like(image)
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                here = min(max(y + down, 0), height - 1), min(max(x + right, 0), width - 1)
                out[c, y, x] = image[c][here]
    return out


def test_none_changes_nothing() -> None:
    images = batch(40, 3, 5, 6)
    assert torch.equal(PRESETS["none"](images, IDS, seed=0, epoch=0), images)


@pytest.mark.parametrize(
    ("channels", "height", "width", "share"), [(1, 10, 14, 0.1), (3, 8, 6, 0.3), (3, 5, 5, 0.01)]
)
def test_a_shift_is_what_loops_over_pixels_give(channels: int, height: int, width: int, share: float) -> None:
    images = batch(40, channels, height, width)
    moved = Augment(shift=share)(images, IDS, seed=5, epoch=2)
    reaches = max(1, round(height * share)), max(1, round(width * share))
    drawn = [
        np.floor(uniform(f"shift-{axis}", IDS, seed=5, epoch=2) * (2 * reach + 1)).astype(int) - reach
        for axis, reach in zip("yx", reaches, strict=True)
    ]
    for reach, by in zip(reaches, drawn, strict=True):
        assert set(by) == set(range(-reach, reach + 1))
    for i in range(40):
        expected = shifted(images[i].numpy(), drawn[0][i], drawn[1][i])
        np.testing.assert_array_equal(moved[i].numpy(), expected)


def test_a_flip_mirrors_about_half_left_to_right_and_leaves_the_rest() -> None:
    images = batch(40, 3, 4, 5)
    flipped = Augment(flip=True)(images, IDS, seed=0, epoch=0)
    mirrored = uniform("flip", IDS, seed=0, epoch=0) < 0.5
    assert 10 < mirrored.sum() < 30
    for i in range(40):
        expected = images[i].numpy()[:, :, ::-1] if mirrored[i] else images[i].numpy()
        np.testing.assert_array_equal(flipped[i].numpy(), expected)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_picture_is_changed_alike_whatever_stands_beside_it(preset: str) -> None:
    images = batch(40, 3, 12, 12)
    whole = PRESETS[preset](images, IDS, seed=1, epoch=3)
    for chosen in (np.array([5]), np.array([39, 0, 17]), np.arange(40)[::-1].copy()):
        some = PRESETS[preset](images[chosen], IDS[chosen], seed=1, epoch=3)
        assert torch.equal(some, whole[chosen])


@pytest.mark.parametrize("preset", ["digits", "small-photos", "photos"])
def test_the_source_is_left_alone_and_each_epoch_differs(preset: str) -> None:
    images = batch(40, 1, 20, 20)
    before = images.clone()
    first, second = (PRESETS[preset](images, IDS, seed=1, epoch=epoch) for epoch in (0, 1))
    assert torch.equal(images, before)
    assert first.dtype == torch.uint8
    assert not torch.equal(first, second)
    assert not torch.equal(first, images)
