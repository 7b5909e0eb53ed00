from typing import Any

import numpy as np
import pytest
import torch
from oracle import oracle
from torch import Tensor

from striate.data.augment.affine import Fill
from striate.data.augment.trivial import STRENGTHS, WIDE, Operation, apply, draw_trivial, trivially_changed
from striate.data.draw import Draws, sample_id

IDS = np.array([sample_id(str(i)) for i in range(4_200)], np.uint64)
# Our name of an operation -> torchvision's.
THEIRS = {
    "identity": "Identity",
    "shear x": "ShearX",
    "shear y": "ShearY",
    "move x": "TranslateX",
    "move y": "TranslateY",
    "rotate": "Rotate",
    "brightness": "Brightness",
    "colour": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "autocontrast": "AutoContrast",
    "equalize": "Equalize",
}


def batch(count: int, channels: int = 3, *, side: int = 40) -> Tensor:
    """Return smooth pictures of a few levels less than all, so that contrast and histogram can be stretched."""
    rough = torch.rand((count, channels, 6, 6), generator=torch.Generator().manual_seed(2)) * 200 + 20
    images = torch.nn.functional.interpolate(rough, size=(side, side), mode="bilinear")
    return images.round().to(torch.uint8)


def changed(images: Tensor, operation: Operation, strengths: Any, *, fill: Fill) -> Tensor:
    """Return the pictures with one operation done to all of them."""
    images = images.clone()
    apply(images, np.arange(len(images)), operation, strengths, fill=fill)
    return images


def strengths_of(name: str) -> Any:
    operation = WIDE[name]
    steps = np.linspace(operation.least, operation.greatest, STRENGTHS)
    return np.concatenate([steps, -steps]) if operation.signed else steps


def test_the_table_is_torchvisions_of_the_paper() -> None:
    space = oracle("torchvision.transforms").TrivialAugmentWide()._augmentation_space(STRENGTHS)
    assert set(THEIRS.values()) == set(space)
    for name, theirs in THEIRS.items():
        magnitudes, signed = space[theirs]
        assert WIDE[name].signed == signed
        own = strengths_of(name)[:STRENGTHS]
        assert np.allclose(
            np.rint(own) if name == "posterize" else own, magnitudes.double().numpy(), atol=1e-5
        )


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_operation_is_torchvisions_at_every_strength(name: str, channels: int) -> None:
    autoaugment = oracle("torchvision.transforms.autoaugment")
    bilinear = oracle("torchvision.transforms").InterpolationMode.BILINEAR
    strengths = strengths_of(name)
    images = batch(len(strengths), channels)
    ours = changed(images, WIDE[name], strengths, fill="black")
    for i, strength in enumerate(strengths):
        # Positive turns go one way in torchvision's rotate, the other way in its affine; half are of either sign.
        given = -strength if name == "rotate" else round(strength) if name == "posterize" else strength
        theirs = autoaugment._apply_op(images[i], THEIRS[name], given, interpolation=bilinear, fill=None)
        assert (ours[i].int() - theirs.int()).abs().max() <= 2, strength
        if name in ("identity", "posterize", "solarize", "equalize", "move x", "move y"):
            assert torch.equal(ours[i], theirs), strength


def test_flat_and_two_level_pictures_are_stretched_as_torchvision_does() -> None:
    functional = oracle("torchvision.transforms.v2.functional")
    images = torch.stack(
        [torch.full((3, 16, 16), 90), torch.arange(256).view(16, 16).expand(3, 16, 16) // 128 * 90]
    )
    images = images.to(torch.uint8)
    for name in ("autocontrast", "equalize"):
        ours = changed(images, WIDE[name], np.zeros(2), fill="edge")
        assert torch.equal(ours, torch.stack([getattr(functional, name)(image) for image in images]))


@pytest.mark.parametrize("name", WIDE)
def test_floats_change_as_bytes_do_but_for_rounding(name: str) -> None:
    strengths = strengths_of(name)
    images = batch(len(strengths))
    deep = changed(images.float(), WIDE[name], strengths, fill="edge")
    assert deep.dtype == torch.float32
    assert (deep - changed(images, WIDE[name], strengths, fill="edge").float()).abs().max() <= 0.501


def test_between_two_levels_a_deep_picture_is_equalized_in_order() -> None:
    ramp = torch.linspace(20, 60, 32 * 32).view(1, 1, 32, 32)
    values = changed(ramp, WIDE["equalize"], np.zeros(1), fill="edge").flatten()
    assert (values.diff() >= 0).all()
    assert values[0] <= 1
    assert values[-1] >= 254


@pytest.mark.parametrize("channels", [2, 5])
@pytest.mark.parametrize("name", WIDE)
def test_any_number_of_channels_will_do(name: str, channels: int) -> None:
    images = batch(len(strengths_of(name)), channels, side=12)
    ours = changed(images, WIDE[name], strengths_of(name), fill="edge")
    assert ours.shape == images.shape
    if name in ("contrast", "colour"):
        assert torch.equal(ours, images)


def test_a_picture_too_small_to_smooth_is_not_sharpened() -> None:
    images = batch(62, side=2)
    assert torch.equal(changed(images, WIDE["sharpness"], strengths_of("sharpness"), fill="edge"), images)


def test_each_operation_and_each_strength_is_drawn_as_often() -> None:
    draws = Draws(IDS, 0, 0)
    operations = np.bincount(draws.whole("trivial-operation", len(WIDE)), minlength=len(WIDE))
    strengths = np.bincount(draws.whole("trivial-strength", STRENGTHS), minlength=STRENGTHS)
    # Chi-square is over these once in a thousand, at 13 and 30 degrees of freedom.
    assert ((operations - 300) ** 2 / 300).sum() < 34.5
    mean = len(IDS) / STRENGTHS
    assert ((strengths - mean) ** 2 / mean).sum() < 59.7


def test_each_picture_gets_the_operation_drawn_for_it() -> None:
    images, draws = batch(200, side=10), Draws(IDS[:200], 3, 1)
    ours = trivially_changed(images, draw_trivial(draws), fill="edge")
    numbers = draws.whole("trivial-operation", len(WIDE))
    steps = draws.whole("trivial-strength", STRENGTHS) / (STRENGTHS - 1)
    signs = np.where(draws.uniform("trivial-sign") < 0.5, -1, 1)
    for i, number in enumerate(numbers):
        operation = list(WIDE.values())[number]
        strength = operation.least + (operation.greatest - operation.least) * steps[i]
        strength *= signs[i] if operation.signed else 1
        alone = changed(images[i : i + 1], operation, np.array([strength]), fill="edge")
        assert torch.equal(ours[i : i + 1], alone)
