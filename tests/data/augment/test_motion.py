"""A dot is drawn, the picture augmented, and the dot looked for where the matrix says."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from striate.data.augment.augment import PRESETS, Augment
from striate.data.augment.motion import in_turn, inverse, moved_points, scaling
from striate.data.draw import sample_id
from striate.learning.progressive import shrink

Size = tuple[int, int]
IDS = np.array([sample_id(str(i)) for i in range(24)], np.uint64)
# A dot's radius in the stored picture, and the least that can be found again; levels that can no more.
DOT, LEAST, FADED = 11.0, 2.5, 10
EACH_ALONE: dict[str, Augment] = {
    "nothing": Augment(),
    "area": Augment(area=(0.3, 1.0)),
    "ratio": Augment(area=(0.5, 0.9), ratio=(0.5, 2.0)),
    "no box fits": Augment(area=(0.99, 1.0), ratio=(1.6, 2.0)),
    "flip": Augment(flip=True),
    "crop and flip": Augment(area=(0.3, 1.0), flip=True),
    "alternate": Augment(alternate=True),
    "upside down": Augment(upside_down=True),
    "dihedral": Augment(dihedral=True),
    "shift": Augment(shift=0.2),
    "rotation": Augment(rotation=180),
    "scale": Augment(scale=(0.6, 1.6)),
    "shear": Augment(shear=30),
    "translation": Augment(translation=0.2),
    "trivial": Augment(trivial=True),
}


def dots(places: NDArray[np.float64], side: Size) -> Tensor:
    """Return black pictures (B, 3, H, W) with a bright dot about the place (x, y) of each."""
    y, x = np.mgrid[: side[0], : side[1]] + 0.5
    far = (x - places[:, 0, None, None]) ** 2 + (y - places[:, 1, None, None]) ** 2
    # It ends at its radius: an operation that spreads levels would make much of the faintest fringe.
    bright = 250 * np.maximum(1 - far / DOT**2, 0) ** 2
    return torch.from_numpy(bright.astype(np.float32))[:, None].repeat(1, 3, 1, 1)


def found(with_dots: Tensor, without: Tensor) -> NDArray[np.float64]:
    """Return the centre (B, 2) of what a dot changed in each picture, NaN where it is faded out."""
    changed = (with_dots.double() - without.double()).abs().amax(1).numpy()
    changed -= np.median(changed, (1, 2), keepdims=True)
    most = changed.max((1, 2), keepdims=True)
    weights = np.where(most > FADED, (changed - 0.3 * most).clip(0), np.nan)
    y, x = np.mgrid[: weights.shape[1], : weights.shape[2]] + 0.5
    total = weights.sum((1, 2))
    return np.stack([(weights * x).sum((1, 2)) / total, (weights * y).sum((1, 2)) / total], 1)


def stages(augment: Augment) -> Iterator[Augment]:
    """Yield an augmentation up to each step that may push a dot over the edge, the last of all being the whole."""
    still: dict[str, Any] = {"trivial": False}
    straight = {**still, "rotation": 0.0, "scale": (1.0, 1.0), "shear": 0.0, "translation": 0.0}
    yield replace(augment, **straight, shift=0.0)
    yield replace(augment, **straight)
    yield replace(augment, **still)
    yield augment


def whole_dots(augment: Augment, places: NDArray[np.float64], **how: Any) -> NDArray[np.bool_]:
    """Say which dots lie within the picture after every step, and are large enough there to be found again."""
    kept = np.ones(len(places), bool)
    for stage in stages(augment):
        # What comes before a warp is done at the stored size, where other symmetries may be drawn.
        at = {**how, "size": how["side"]} if augment.warps and not stage.warps and not augment.crops else how
        matrices = stage.motion(IDS, **at)
        scales = np.linalg.svd(matrices[:, :, :2], compute_uv=False)
        room = DOT * scales[:, 0] + 2
        x, y = moved_points(places[:, None], matrices)[:, 0].T
        height, width = at["size"]
        kept &= (np.minimum(x, width - x) > room) & (np.minimum(y, height - y) > room)
        kept &= scales[:, 1] * DOT > LEAST
    return kept


def hold_to_the_matrix(augment: Augment, *, side: Size, size: Size, seed: int, epoch: int, dtype: Any) -> int:
    """Assert that every whole dot is where the matrix says, to half a pixel, and return how many there are."""
    shares = np.random.default_rng(seed).uniform(0.15, 0.85, (len(IDS), 2))
    places = shares * [side[1], side[0]]
    kept = whole_dots(augment, places, seed=seed, epoch=epoch, side=side, size=size)
    given = dots(places, side).to(dtype)
    seen, dark = (
        augment(x, IDS, seed=seed, epoch=epoch, size=size) for x in (given, torch.zeros_like(given))
    )
    matrices = augment.motion(IDS, seed=seed, epoch=epoch, side=side, size=size)
    assert matrices.shape == (len(IDS), 2, 3)
    assert matrices.dtype == np.float64
    expected = moved_points(places[:, None], matrices)[:, 0]
    off = np.abs(found(seen, dark) - expected).max(1)
    kept &= ~np.isnan(off)
    assert (off[kept] < 0.5).all(), (off[kept].max(), int(np.flatnonzero(kept & (off >= 0.5))[0]))
    back = moved_points(expected[:, None], inverse(matrices))[:, 0]
    np.testing.assert_allclose(back, places, atol=1e-9)
    return int(kept.sum())


@pytest.mark.parametrize("name", EACH_ALONE)
@pytest.mark.parametrize(("side", "size"), [((96, 96), (84, 84)), ((90, 120), (75, 84))])
def test_each_change_moves_a_dot_to_where_its_matrix_says(name: str, side: Size, size: Size) -> None:
    whole = sum(
        hold_to_the_matrix(EACH_ALONE[name], side=side, size=size, seed=seed, epoch=seed, dtype=torch.float32)
        for seed in (1, 2)
    )
    assert whole >= 12, "of 48"


RANGES = st.sampled_from([(1.0, 1.0), (0.7, 1.4), (0.8, 1.0), (1.0, 1.5)])
AUGMENTS = st.builds(
    Augment,
    area=st.sampled_from([(1.0, 1.0), (0.4, 1.0), (0.6, 0.8)]),
    ratio=st.sampled_from([(3 / 4, 4 / 3), (0.5, 2.0), (2.0, 3.0)]),
    flip=st.booleans(),
    upside_down=st.booleans(),
    dihedral=st.booleans(),
    shift=st.sampled_from([0.0, 0.01, 0.1]),
    rotation=st.sampled_from([0.0, 20.0, 180.0]),
    scale=RANGES,
    shear=st.sampled_from([0.0, 15.0]),
    translation=st.sampled_from([0.0, 0.1]),
    fill=st.sampled_from(["edge", "black"]),
    brightness=st.sampled_from([0.0, 0.3]),
    contrast=st.sampled_from([0.0, 0.3]),
    hue=st.sampled_from([0.0, 0.2]),
    trivial=st.booleans(),
)
SIDES = st.tuples(st.integers(80, 110), st.integers(80, 110))


def test_symmetries_before_a_warp_are_those_of_the_stored_square() -> None:
    augment = Augment(dihedral=True, shift=0.1, scale=(0.7, 1.4))
    for epoch in range(4):
        how = {"side": (88, 88), "size": (80, 81), "seed": 346, "epoch": epoch}
        assert hold_to_the_matrix(augment, **how, dtype=torch.uint8) > 0


@given(
    augment=AUGMENTS,
    alternate=st.booleans(),
    side=SIDES,
    size=SIDES,
    seed=st.integers(0, 1000),
    epoch=st.integers(0, 50),
    dtype=st.sampled_from([torch.uint8, torch.float32]),
)
@settings(max_examples=40, deadline=None)
def test_all_changes_together_move_a_dot_to_where_the_matrix_says(
    augment: Augment, alternate: bool, side: Size, size: Size, seed: int, epoch: int, dtype: Any
) -> None:
    # Contrast lifts what is black a little, of which an operation that turns bright to dark might make white.
    contrast = 0.0 if augment.trivial else augment.contrast
    augment = replace(augment, alternate=alternate and not augment.flip, contrast=contrast)
    hold_to_the_matrix(augment, side=side, size=size, seed=seed, epoch=epoch, dtype=dtype)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_move_a_dot_to_where_the_matrix_says(preset: str) -> None:
    augment = replace(PRESETS[preset], erasing=0.0)  # noise may lie on the dot, and moves nothing
    whole = [
        hold_to_the_matrix(
            augment, side=(96, 96), size=(84, 84), seed=seed, epoch=seed % 3, dtype=torch.uint8
        )
        for seed in range(4)
    ]
    assert sum(whole) >= 24, "of 96"


@pytest.mark.parametrize("shape", [(9, 9), (7, 12)])
@pytest.mark.parametrize(
    "augment",
    [
        Augment(shift=0.3),
        Augment(alternate=True, upside_down=True, dihedral=True),
        Augment(flip=True, dihedral=True, shift=0.2),
    ],
)
def test_where_whole_pixels_are_moved_every_one_of_them_is_where_the_matrix_says(
    augment: Augment, shape: Size
) -> None:
    height, width = shape
    numbers = torch.arange(height * width, dtype=torch.float32).view(1, 1, height, width)
    seen = augment(numbers.repeat(len(IDS), 1, 1, 1), IDS, seed=3, epoch=5)[:, 0].numpy()
    y, x = np.mgrid[:height, :width].reshape(2, -1)
    matrices = augment.motion(IDS, seed=3, epoch=5, side=shape, size=shape)
    middles = np.tile(np.stack([x, y], 1) + 0.5, (len(IDS), 1, 1))
    places = moved_points(middles, matrices) - 0.5
    assert (places == np.rint(places)).all()
    inside = ((places >= 0) & (places < [width, height])).all(2)
    assert inside.mean() > 0.5
    column, row = places.astype(int)[inside].T
    picture, point = np.nonzero(inside)
    np.testing.assert_array_equal(seen[picture, row, column], point)


def test_without_changes_only_resizing_is_left() -> None:
    matrices = Augment(brightness=0.3, erasing=1.0).motion(IDS, seed=0, epoch=0, side=(30, 40), size=(60, 20))
    np.testing.assert_array_equal(matrices, np.tile([[0.5, 0, 0], [0, 2, 0]], (len(IDS), 1, 1)))
    np.testing.assert_array_equal(matrices[0], scaling((30, 40), (60, 20)))


def test_a_picture_is_moved_alike_whatever_stands_beside_it() -> None:
    augment = Augment(area=(0.3, 1.0), flip=True, dihedral=True, shift=0.1, rotation=20, trivial=True)
    how: dict[str, Any] = {"seed": 1, "epoch": 3, "side": (50, 50), "size": (40, 40)}
    whole = augment.motion(IDS, **how)
    for chosen in (np.array([5]), np.array([23, 0, 17])):
        np.testing.assert_array_equal(augment.motion(IDS[chosen], **how), whole[chosen])
    assert augment.motion(IDS[:0], **how).shape == (0, 2, 3)


def test_points_that_are_none_stay_none() -> None:
    points = np.array([[[1.0, 2.0], [np.nan, np.nan]], [[3.0, 4.0], [5.0, 6.0]]])
    matrices = np.array([[[2.0, 0, 1], [0, 3, 0]], [[0, 1.0, 0], [1, 0, 0]]])
    expected = [[[3.0, 6.0], [np.nan, np.nan]], [[4.0, 3.0], [6.0, 5.0]]]
    np.testing.assert_array_equal(moved_points(points, matrices), expected)
    np.testing.assert_array_equal(moved_points(points, matrices[0])[0], expected[0])
    assert moved_points(np.empty((2, 0, 2)), matrices).shape == (2, 0, 2)


def test_the_way_there_and_back_is_none() -> None:
    draw = np.random.default_rng(0)
    matrices = np.concatenate(
        [np.eye(2) + draw.uniform(-0.4, 0.4, (50, 2, 2)), draw.normal(size=(50, 2, 1))], 2
    )
    for both in (in_turn(matrices, inverse(matrices)), in_turn(inverse(matrices), matrices)):
        np.testing.assert_allclose(both, np.tile(np.eye(2, 3), (50, 1, 1)), atol=1e-9)


def test_pictures_shrunk_for_a_start_take_their_points_along_by_a_scaling() -> None:
    places = np.random.default_rng(0).uniform(20, 70, (len(IDS), 2))
    given = dots(places, (90, 100))
    seen = shrink(given, 50)
    matrix = scaling((90, 100), (seen.shape[2], seen.shape[3]))
    expected = moved_points(places[:, None], matrix)[:, 0]
    assert np.abs(found(seen, torch.zeros_like(seen)) - expected).max() < 0.05
