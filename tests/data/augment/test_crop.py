import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import oracle
from torch import Tensor

from striate.data.augment.augment import Augment
from striate.data.augment.crop import TRIES, cut, draw_boxes, draw_crops, resized
from striate.data.draw import Draws, sample_id, uniform

IDS = np.array([sample_id(str(i)) for i in range(500)], np.uint64)
DRAWS = Draws(IDS, 3, 7)
RATIO = (3 / 4, 4 / 3)


def batch(*shape: int, channels_last: bool = False) -> Tensor:
    """Return smooth pictures, as photographs are, so that a resize of them has few ties to round."""
    rough = torch.rand((*shape[:2], 5, 5), generator=torch.Generator().manual_seed(2)) * 255
    images = torch.nn.functional.interpolate(rough, size=shape[2:], mode="bilinear").round().to(torch.uint8)
    return images.contiguous(memory_format=torch.channels_last) if channels_last else images


def box_by_hand(sample: int, height: int, width: int, area: tuple[float, float]) -> tuple[int, int, int, int]:
    """Return the box of one sample as torchvision's get_params reads, with our draws in the place of its own."""

    def draw(what: str, attempt: int) -> float:
        return float(uniform(f"crop-{what}-{attempt}", IDS[[sample]], seed=3, epoch=7)[0])

    for attempt in range(TRIES):
        target = height * width * (area[0] + (area[1] - area[0]) * draw("area", attempt))
        low, high = map(math.log, RATIO)
        aspect = math.exp(low + (high - low) * draw("ratio", attempt))
        w, h = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
        if 0 < w <= width and 0 < h <= height:
            return (
                int(draw("top", attempt) * (height - h + 1)),
                int(draw("left", attempt) * (width - w + 1)),
                h,
                w,
            )
    raise AssertionError("none fits")


def test_the_boxes_are_those_they_have_always_been() -> None:
    ids = np.array([sample_id(f"cat/{i}.jpg") for i in range(3)], np.uint64)
    boxes = Augment(area=(0.2, 1.0)).boxes(ids, seed=7, epoch=3, side=(256, 256))
    assert boxes.tolist() == [[20, 11, 224, 223], [91, 60, 153, 133], [31, 3, 220, 238]]


@pytest.mark.parametrize(("height", "width"), [(256, 256), (40, 60), (7, 7)])
def test_boxes_are_those_of_torchvisions_rule_written_out(height: int, width: int) -> None:
    boxes, found = draw_boxes("crop", DRAWS, side=(height, width), area=(0.08, 0.6), ratio=RATIO)
    assert found.all()
    for i in range(len(IDS)):
        assert tuple(boxes[i]) == box_by_hand(i, height, width, (0.08, 0.6))


@pytest.mark.parametrize(
    ("side", "ratio"),
    [((30, 40), (2.0, 2.0)), ((40, 30), (1 / 3, 1 / 3)), ((90, 31), (1.0, 2.0)), ((31, 90), (0.5, 1.0))],
)
def test_where_no_box_fits_the_middle_one_is_torchvisions(
    side: tuple[int, int], ratio: tuple[float, float]
) -> None:
    transforms = oracle("torchvision.transforms")
    theirs = transforms.RandomResizedCrop.get_params(
        torch.empty(3, *side), scale=[1.0, 1.0], ratio=list(ratio)
    )
    ours = draw_crops(DRAWS, side=side, area=(1.0, 1.0), ratio=ratio)
    assert (ours == np.array(theirs)).all()


@given(height=st.integers(1, 80), width=st.integers(1, 80), low=st.floats(0.01, 1), epoch=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_crop_lies_within_the_picture(height: int, width: int, low: float, epoch: int) -> None:
    boxes = draw_crops(Draws(IDS[:50], 0, epoch), side=(height, width), area=(low, 1.0), ratio=RATIO)
    top, left, tall, wide = boxes.T
    assert (boxes >= 0).all()
    assert (tall > 0).all()
    assert (wide > 0).all()
    assert (top + tall <= height).all()
    assert (left + wide <= width).all()


def test_areas_and_ratios_are_spread_evenly() -> None:
    ids = np.array([sample_id(str(i)) for i in range(20_000)], np.uint64)
    boxes = draw_crops(Draws(ids, 0, 0), side=(1000, 1000), area=(0.1, 0.5), ratio=RATIO)
    area = boxes[:, 2] * boxes[:, 3] / 1e6
    ratio = np.log(boxes[:, 3] / boxes[:, 2])
    for values, low, high in ((area, 0.1, 0.5), (ratio, math.log(3 / 4), math.log(4 / 3))):
        counts, _ = np.histogram(values, 10, (low, high))
        # Chi-square with 9 degrees of freedom is over 27.9 once in a thousand.
        assert ((counts - 2000) ** 2 / 2000).sum() < 27.9


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("size", [(24, 24), (17, 40), (90, 96)])
def test_a_resized_crop_is_torchvisions(channels: int, channels_last: bool, size: tuple[int, int]) -> None:
    functional = oracle("torchvision.transforms.v2.functional")
    images = batch(12, channels, 50, 64, channels_last=channels_last)
    boxes = draw_crops(Draws(IDS[:12], 0, 0), side=(50, 64), area=(0.08, 1.0), ratio=RATIO)
    ours = cut(images, boxes, size=size)
    assert ours.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    for picture, box, own in zip(images, boxes.tolist(), ours, strict=True):
        theirs = functional.resized_crop(picture, *box, list(size), antialias=True)
        assert (own.int() - theirs.int()).abs().max() <= 1
        assert (own != theirs).float().mean() < 0.01


def test_floats_are_resized_as_bytes_are_but_for_rounding() -> None:
    images = batch(8, 3, 40, 40)
    boxes = draw_crops(Draws(IDS[:8], 0, 0), side=(40, 40), area=(0.3, 1.0), ratio=RATIO)
    deep = cut(images.float(), boxes, size=(32, 32))
    assert deep.dtype == torch.float32
    assert (deep - cut(images, boxes, size=(32, 32)).float()).abs().max() <= 1


def test_mirroring_before_the_resize_is_mirroring_after_it() -> None:
    images = batch(20, 3, 40, 44)
    boxes = draw_crops(Draws(IDS[:20], 0, 0), side=(40, 44), area=(0.3, 1.0), ratio=RATIO)
    mirrored = np.arange(20) % 3 == 0
    plain, ours = cut(images, boxes, size=(32, 30)), cut(images, boxes, size=(32, 30), mirrored=mirrored)
    for i in range(20):
        assert torch.equal(ours[i], plain[i].flip(2) if mirrored[i] else plain[i])


def test_the_whole_picture_at_its_own_size_is_left_as_it_is() -> None:
    images = batch(4, 3, 20, 30)
    boxes = np.tile([0, 0, 20, 30], (4, 1))
    assert torch.equal(cut(images, boxes, size=(20, 30)), images)
    assert resized(images, size=(20, 30)) is images


def test_the_boxes_that_are_told_are_those_that_are_cut() -> None:
    images = batch(10, 3, 32, 32)
    augment = Augment(area=(0.2, 0.9))
    boxes = augment.boxes(IDS[:10], seed=4, epoch=1, side=(32, 32))
    out = augment(images, IDS[:10], seed=4, epoch=1, size=(28, 28))
    assert torch.equal(out, cut(images, boxes, size=(28, 28)))
    assert (Augment().boxes(IDS[:2], seed=4, epoch=1, side=(32, 24)) == [[0, 0, 32, 24]] * 2).all()
