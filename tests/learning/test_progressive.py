import numpy as np
import pytest
import torch
from PIL import Image

from striate.learning.progressive import shrink, side_at, sides


@pytest.mark.parametrize(
    ("full", "first", "passed"),
    [
        (224, 0.5, [112, 140, 168, 196, 224]),
        (32, 0.5, [16, 20, 24, 28, 32]),
        (28, 0.5, [16, 20, 24, 28]),
        (30, 0.9, [28, 30]),
        (128, 1.0, [128]),
        (6, 0.1, [4, 6]),
    ],
)
def test_pictures_grow_by_steps_to_the_full_side(full: int, first: float, passed: list[int]) -> None:
    assert sides(full, first) == passed
    grown = [side_at(i / 500, full=full, first=first) for i in range(501)]
    assert grown == sorted(grown)
    assert grown[0] == passed[0] >= min(full, full * first)
    assert set(grown[375:]) == {full}


def test_pictures_are_shrunk_as_pillow_does_it() -> None:
    pixels = torch.rand(2, 1, 24, 24)
    found = shrink(pixels, 16)
    assert found.shape == (2, 1, 16, 16)
    for image, ours in zip(pixels, found, strict=True):
        theirs = Image.fromarray(image[0].numpy()).resize((16, 16), Image.Resampling.BILINEAR)
        torch.testing.assert_close(ours[0], torch.from_numpy(np.array(theirs)), atol=1e-5, rtol=0)


def test_a_picture_of_the_side_is_left_alone_and_the_memory_order_stays() -> None:
    pixels = torch.rand(2, 3, 16, 16).to(memory_format=torch.channels_last)
    assert shrink(pixels, 16) is pixels
    assert shrink(pixels, 8).is_contiguous(memory_format=torch.channels_last)
