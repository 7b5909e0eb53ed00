import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from oracle import oracle
from torch import Tensor

from striate.data.augment.affine import LEVELS, Fill, affine, warped

COUNT = 6


def batch(channels: int = 3, *, height: int = 30, width: int = 40) -> Tensor:
    """Return smooth pictures, in which a thousandth of a pixel makes no difference."""
    rough = torch.rand((COUNT, channels, 5, 5), generator=torch.Generator().manual_seed(2)) * 255
    images = torch.nn.functional.interpolate(rough, size=(height, width), mode="bilinear")
    return images.round().to(torch.uint8)


def drawn(low: float, high: float, *, columns: int = 1) -> NDArray[np.float64]:
    values = np.random.default_rng(5).uniform(low, high, (COUNT, columns))
    return values[:, 0] if columns == 1 else values


ANGLES, SCALES = drawn(-170, 170), drawn(0.5, 2)
SHEARS, MOVES = drawn(-40, 40, columns=2), np.trunc(drawn(-9, 9, columns=2))


@pytest.mark.parametrize("fill", ["black", "grey", "white"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_warp_is_torchvisions_affine(fill: Fill, channels: int) -> None:
    functional = oracle("torchvision.transforms.v2.functional")
    images = batch(channels)
    ours = warped(images, affine(ANGLES, scale=SCALES, shear=SHEARS, move=MOVES), size=(30, 40), fill=fill)
    assert ours.dtype == torch.uint8
    for i in range(COUNT):
        change = {
            "angle": float(ANGLES[i]),
            "translate": MOVES[i].tolist(),
            "scale": float(SCALES[i]),
            "shear": SHEARS[i].tolist(),
            "interpolation": oracle("torchvision.transforms").InterpolationMode.BILINEAR,
        }
        # At the rim torchvision's own filling counts what lies outside twice, so it is asked for black and filled here.
        theirs = functional.affine(images[i].float(), **change)
        covered = functional.affine(torch.ones_like(images[i], dtype=torch.float32), **change)
        assert (ours[i].float() - (theirs + (1 - covered) * LEVELS[fill])).abs().max() <= 0.51


def test_a_warp_is_bilinear_sampling_by_loops_with_the_edge_repeated() -> None:
    images = batch(1, height=9, width=12)
    ours = warped(
        images.float(), affine(ANGLES, scale=SCALES, shear=SHEARS, move=MOVES), size=(9, 12), fill="edge"
    )
    for i in range(COUNT):
        turn, (shear_x, shear_y) = math.radians(ANGLES[i]), np.radians(SHEARS[i])
        # Where the two axes go: a shear along y tilts the one without making it narrower, one along x the other.
        first = np.array([math.cos(turn - shear_y), math.sin(turn - shear_y)]) / math.cos(shear_y)
        second = np.array([-math.sin(turn), math.cos(turn)]) - first * math.tan(shear_x)
        forward = SCALES[i] * np.stack([first, second], 1)
        for y in range(9):
            for x in range(12):
                from_x, from_y = np.linalg.solve(forward, np.array([x - 5.5, y - 4]) - MOVES[i])
                expected = bilinear(images[i, 0].numpy(), from_x + 5.5, from_y + 4)
                assert ours[i, 0, y, x] == pytest.approx(expected, abs=0.05)


def bilinear(plane: NDArray[np.uint8], x: float, y: float) -> float:
    x, y = min(max(x, 0), plane.shape[1] - 1), min(max(y, 0), plane.shape[0] - 1)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, plane.shape[1] - 1), min(top + 1, plane.shape[0] - 1)
    upper = plane[top, left] * (1 - x + left) + plane[top, right] * (x - left)
    lower = plane[bottom, left] * (1 - x + left) + plane[bottom, right] * (x - left)
    return float(upper * (1 - y + top) + lower * (y - top))


@pytest.mark.parametrize("fill", ["edge", "black", "grey", "white"])
def test_doing_nothing_leaves_every_pixel(fill: Fill) -> None:
    images = batch()
    nothing = affine(
        np.zeros(COUNT), scale=np.ones(COUNT), shear=np.zeros((COUNT, 2)), move=np.zeros((COUNT, 2))
    )
    assert torch.equal(warped(images, nothing, size=(30, 40), fill=fill), images)


def test_right_angles_are_torchs_own_turns() -> None:
    images = batch(height=30, width=30)
    for turns in range(4):
        angle = np.full(COUNT, 90.0 * turns)
        turned = warped(
            images,
            affine(angle, scale=np.ones(COUNT), shear=np.zeros((COUNT, 2)), move=np.zeros((COUNT, 2))),
            size=(30, 30),
            fill="black",
        )
        assert torch.equal(turned, torch.rot90(images, -turns, (2, 3)))


def test_larger_pictures_are_warped_straight_to_the_size_asked_for() -> None:
    fine = batch(height=128, width=128)
    coarse = torch.nn.functional.interpolate(fine.float(), size=(112, 112), mode="bilinear", antialias=True)
    change = affine(ANGLES, scale=np.ones(COUNT), shear=np.zeros((COUNT, 2)), move=np.zeros((COUNT, 2)))
    ours = warped(fine, change, size=(112, 112), fill="edge")
    there = warped(coarse, change, size=(112, 112), fill="edge")
    assert ours.shape == (COUNT, 3, 112, 112)
    assert (ours.float() - there).abs().max() < 4
