from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import click
import numpy as np
import pytest
import torch
from torch import Tensor

from striate.cli.train import command
from striate.data.augment.augment import PRESETS, Augment
from striate.data.draw import sample_id, uniform
from striate.errors import UsageError

IDS = np.array([sample_id(str(i)) for i in range(40)], np.uint64)
# Every step there is, some of every kind.
EVERYTHING = Augment(
    area=(0.3, 1.0), flip=True, upside_down=True, dihedral=True, shift=0.05, rotation=20, scale=(0.8, 1.25), shear=5,
    translation=0.1, fill="grey", brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1, trivial=True, erasing=0.5,
)  # fmt: skip


def batch(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


def deep(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return bytes as they are, or as a picture of 16 bits: floats between the levels."""
    if dtype == torch.uint8:
        return images
    return (images.float() + torch.rand(images.shape, generator=torch.Generator().manual_seed(3))).clamp(
        max=255
    )


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
@pytest.mark.parametrize("side", [12, 93])  # many and few pictures are worked on at a time
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_picture_is_changed_alike_whatever_stands_beside_it(
    preset: str, side: int, dtype: torch.dtype
) -> None:
    images = deep(batch(40, 3, side, side), dtype)
    whole = PRESETS[preset](images, IDS, seed=1, epoch=3)
    for chosen in (np.array([5]), np.array([39, 0, 17]), np.arange(40)[::-1].copy()):
        some = PRESETS[preset](images[chosen], IDS[chosen], seed=1, epoch=3)
        assert torch.equal(some, whole[chosen])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_threads_and_memory_order_make_no_difference(dtype: torch.dtype) -> None:
    images = deep(batch(40, 3, 61, 61), dtype)
    parts = [np.arange(start, start + 5) for start in range(0, 40, 5)]
    whole = EVERYTHING(images, IDS, seed=1, epoch=3, size=(53, 53))
    last = images.contiguous(memory_format=torch.channels_last)
    with ThreadPoolExecutor(8) as pool:
        for given in (images, last):
            some = pool.map(
                lambda part, given=given: EVERYTHING(given[part], IDS[part], seed=1, epoch=3, size=(53, 53)),
                parts,
            )
            assert torch.equal(torch.cat(list(some)), whole)
    torch.set_num_threads(2)
    try:
        assert torch.equal(EVERYTHING(images, IDS, seed=1, epoch=3, size=(53, 53)), whole)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("preset", ["photos", "small-photos", "medical", "aerial"])
def test_bytes_and_floats_come_out_alike_but_for_rounding(preset: str) -> None:
    rough = torch.rand((40, 3, 6, 6), generator=torch.Generator().manual_seed(2)) * 255
    images = torch.nn.functional.interpolate(rough, size=(64, 64), mode="bilinear").round().to(torch.uint8)
    ours = PRESETS[preset](images, IDS, seed=1, epoch=3, size=(56, 56))
    deeper = PRESETS[preset](images.float(), IDS, seed=1, epoch=3, size=(56, 56))
    assert (deeper.dtype, ours.dtype) == (torch.float32, torch.uint8)
    assert (ours.float() - deeper).abs().max() <= 2.5


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_pictures_of_any_channels_come_out_at_the_size_asked_for(preset: str, channels: int) -> None:
    images = batch(40, channels, 32, 40)
    assert PRESETS[preset](images, IDS, seed=1, epoch=3, size=(28, 35)).shape == (40, channels, 28, 35)
    assert PRESETS[preset](images, IDS, seed=1, epoch=3).shape == images.shape


def test_what_is_stored_finer_is_seen_whole_where_nothing_is_cut_out() -> None:
    images = batch(40, 3, 32, 32)
    whole = torch.nn.functional.interpolate(images, size=(28, 28), mode="bilinear", antialias=True)
    assert torch.equal(PRESETS["none"](images, IDS, seed=0, epoch=0, size=(28, 28)), whole)
    assert torch.equal(
        PRESETS["digits"](images, IDS, seed=0, epoch=0, size=(28, 28)),
        PRESETS["digits"](whole, IDS, seed=0, epoch=0),
    )


@pytest.mark.parametrize(
    ("augment", "margin"),
    [
        (Augment(), 1.0),
        (Augment(shift=0.1, flip=True, dihedral=True, brightness=0.5, trivial=True, erasing=0.5), 1.0),
        (Augment(area=(0.5, 1.0)), 8 / 7),
        (Augment(rotation=5), 8 / 7),
        (Augment(scale=(0.9, 1.0)), 8 / 7),
    ],
)
def test_pictures_are_stored_finer_where_a_part_is_cut_out_or_they_are_turned(
    augment: Augment, margin: float
) -> None:
    assert augment.margin == margin
    assert round(224 * augment.margin) == (224 if margin == 1 else 256)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shift": 0.6}, "shift is 0.6; it must be at least 0 and at most 0.5."),
        ({"rotation": -1}, "rotation is -1; it must be at least 0 and at most 180."),
        ({"hue": float("nan")}, "hue is nan; it must be at least 0 and at most 0.5."),
        ({"erasing": 1.1}, "erasing is 1.1; it must be at least 0 and at most 1."),
        ({"area": (0.5, 1.1)}, "area is 0.5 to 1.1; it must be a range from 0.01 or more to 1 or less."),
        ({"area": (0.0, 1.0)}, "area is 0 to 1; it must be a range from 0.01 or more to 1 or less."),
        ({"scale": (1.1, 0.9)}, "scale is 1.1 to 0.9; it must be a range from 0.1 or more to 10 or less."),
        ({"ratio": (0.5, 20)}, "ratio is 0.5 to 20; it must be a range from 0.1 or more to 10 or less."),
        ({"fill": "gray"}, "Unknown fill 'gray'. Did you mean 'grey'?"),
        (
            {"flip": True, "alternate": True},
            "flip and alternate are both asked for; they mirror the same pictures. Keep one.",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused_when_made(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        Augment(**settings)
    assert str(raised.value) == message


def test_the_flag_offers_every_preset() -> None:
    (flag,) = (param for param in command.params if param.name == "augment")
    assert isinstance(flag.type, click.Choice)
    assert tuple(flag.type.choices) == tuple(PRESETS)


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "none"])
def test_the_source_is_left_alone_and_each_epoch_differs(preset: str) -> None:
    images = batch(40, 1, 20, 20)
    before = images.clone()
    first, second = (PRESETS[preset](images, IDS, seed=1, epoch=epoch) for epoch in (0, 1))
    assert torch.equal(images, before)
    assert first.dtype == torch.uint8
    assert not torch.equal(first, second)
    assert not torch.equal(first, images)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flip": 1}, "flip is 1; it must be True or False."),
        ({"trivial": "no"}, "trivial is 'no'; it must be True or False."),
        ({"shift": True}, "shift is True; it must be a number."),
        ({"hue": "0.1"}, "hue is '0.1'; it must be a number."),
    ],
)
def test_a_setting_of_another_type_is_refused_when_made(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Augment(**settings)
    assert str(caught.value) == message


# The settings that move whole pixels and no more; what another one does differs between a processor and a GPU.
MOVERS = {"flip", "alternate", "upside_down", "dihedral", "shift"}
# Settings that do nothing alone.
COMPANIONS = {"ratio", "fill"}


@pytest.mark.parametrize("name", sorted({f.name for f in fields(Augment)} - COMPANIONS))
def test_what_changes_more_than_the_place_of_pixels_says_so(name: str) -> None:
    value: Any = {bool: True, float: 0.1}.get(type(getattr(Augment(), name)), (0.5, 0.9))
    assert Augment(**{name: value}).moves_whole_pixels == (name in MOVERS)
