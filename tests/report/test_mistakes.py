import base64
import io
import tracemalloc

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from stores import store_of

from striate.display.picture import picture_url
from striate.report.mistakes import largest_errors, worst_labelled
from striate.tasks.multi_label import LabelScores
from striate.tasks.regression import TargetScores


def shown(pixels: torch.Tensor) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture_url(pixels).split(",")[1]))))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("deep", [False, True])
def test_of_many_bands_the_first_are_shown_in_8_bits(channels: int, deep: bool) -> None:
    pixels = torch.randint(0, 256, (channels, 5, 7), dtype=torch.uint8)
    given = (pixels.int() * 257).to(torch.uint16) if deep else pixels
    expected = pixels[0] if channels < 3 else pixels[:3].permute(1, 2, 0)
    np.testing.assert_array_equal(shown(given), expected.numpy())


def test_pictures_of_a_report_are_taken_one_by_one_and_the_store_is_never_copied() -> None:
    count, side = 4_000, 32
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    numbers = torch.arange(count, dtype=torch.double)[:, None]
    marks = torch.stack([torch.ones(count), torch.zeros(count)], 1).byte()
    store = store_of(images, marks)
    measured = TargetScores(torch.ones(count), numbers, numbers + 1, torch.zeros(1))
    labelled = LabelScores(torch.ones(count).double(), marks, 1.0 - marks.float())
    tracemalloc.start()
    assert len(largest_errors(measured, store, (1.0,), count=24)) == 24
    assert len(worst_labelled(labelled, store, ("a", "b"), count=24)) == 24
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.nbytes / 4
