from typing import Any

import numpy as np
import pytest
import torch
from oracle import oracle
from torch import Tensor

from striate.data.augment.colour import recoloured

COUNT = 12
ONE = np.ones(COUNT)


def batch(channels: int = 3) -> Tensor:
    return torch.randint(
        0, 256, (COUNT, channels, 21, 17), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )


def factors(low: float, high: float) -> Any:
    return np.random.default_rng(5).uniform(low, high, COUNT)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("what", ["brightness", "contrast", "saturation"])
def test_one_factor_does_what_torchvisions_does(what: str, channels: int) -> None:
    functional = oracle("torchvision.transforms.v2.functional")
    images, factor = batch(channels), factors(0, 2)
    given = {"brightness": ONE, "contrast": ONE, "saturation": ONE} | {what: factor}
    ours = recoloured(images, **given)
    for i in range(COUNT):
        theirs = getattr(functional, f"adjust_{what}")(images[i], float(factor[i]))
        # torchvision cuts fractions off, of the grey too; here they are rounded, once.
        assert (ours[i].int() - theirs.int()).abs().max() <= 2
        exact = getattr(functional, f"adjust_{what}")(images[i].double() / 255, float(factor[i])) * 255
        assert (ours[i].double() - exact).abs().max() <= 0.5 + 1e-3


def test_moving_hues_does_what_torchvisions_does() -> None:
    functional = oracle("torchvision.transforms.v2.functional")
    images, turns = batch(), factors(-0.5, 0.5)
    ours = recoloured(images.float(), brightness=ONE, contrast=ONE, saturation=ONE, hue=turns)
    for i in range(COUNT):
        theirs = functional.adjust_hue(images[i].float() / 255, float(turns[i])) * 255
        assert (ours[i] - theirs).abs().max() < 0.01


def test_all_at_once_is_one_after_the_other_in_any_order_where_nothing_is_cut_off() -> None:
    functional = oracle("torchvision.transforms.v2.functional")
    images = batch() // 3 + 80
    drawn = {name: factors(0.7, 1.2) for name in ("brightness", "contrast", "saturation")}
    ours = recoloured(images, **drawn)
    for names in (("brightness", "contrast", "saturation"), ("saturation", "contrast", "brightness")):
        for i in range(COUNT):
            picture = images[i].double() / 255
            for name in names:
                picture = getattr(functional, f"adjust_{name}")(picture, float(drawn[name][i]))
            # torchvision's shares of the three colours add up to 0.9999, which an order can show.
            assert (ours[i].double() - picture * 255).abs().max() <= 0.55


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_factors_of_one_leave_every_pixel(channels: int) -> None:
    images = batch(channels)
    same = recoloured(images, brightness=ONE, contrast=ONE, saturation=ONE, hue=np.zeros(COUNT))
    assert torch.equal(same, images)


@pytest.mark.parametrize("channels", [2, 4, 7])
def test_of_other_channels_than_one_or_three_only_the_brightness_changes(channels: int) -> None:
    images, factor = batch(channels), factors(0.2, 2)
    ours = recoloured(images, brightness=factor, contrast=factor, saturation=factor, hue=factor / 8)
    expected = (images.double() * torch.from_numpy(factor).view(-1, 1, 1, 1)).clamp(0, 255)
    assert (ours.double() - expected).abs().max() <= 0.5 + 1e-4


def test_floats_change_as_bytes_do_but_for_rounding() -> None:
    images = batch()
    drawn: dict[str, Any] = {name: factors(0.5, 1.5) for name in ("brightness", "contrast", "saturation")}
    deep = recoloured(images.float(), **drawn, hue=factors(-0.2, 0.2))
    assert deep.dtype == torch.float32
    assert (deep - recoloured(images, **drawn, hue=factors(-0.2, 0.2)).float()).abs().max() <= 0.5
