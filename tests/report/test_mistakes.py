import base64
import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from striate.display.picture import picture_url


def shown(pixels: torch.Tensor) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture_url(pixels).split(",")[1]))))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("deep", [False, True])
def test_of_many_bands_the_first_are_shown_in_8_bits(channels: int, deep: bool) -> None:
    pixels = torch.randint(0, 256, (channels, 5, 7), dtype=torch.uint8)
    given = (pixels.int() * 257).to(torch.uint16) if deep else pixels
    expected = pixels[0] if channels < 3 else pixels[:3].permute(1, 2, 0)
    np.testing.assert_array_equal(shown(given), expected.numpy())
