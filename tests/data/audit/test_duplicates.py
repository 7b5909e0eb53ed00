"""Planted copies among 10,000 real pictures are found, and hardly anything else is."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from planted import KINDS, RESAVED, scene

from striate.data.audit.duplicates import Group, find_duplicates, near_duplicates
from striate.pictures.fingerprint import fingerprint
from striate.sources.arrays.idx import read_idx
from striate.sources.opening import BUNDLED

# Copies planted of each kind.
PLANTED = 300


def digests_of(*contents: int) -> NDArray[np.uint8]:
    """Return digests that are alike where the numbers are."""
    return np.array([[content] * 16 for content in contents], np.uint8)


@cache
def real() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the 10,000 training pictures of the bundled set, and their fingerprints."""
    images = read_idx(BUNDLED["fashion"] / "train-images-idx3-ubyte.gz")
    return images, np.array([fingerprint(image) for image in images])


def found_share(kind: str) -> float:
    """Return the share of copies of a kind that are found, planted among the real pictures."""
    images, base = real()
    rng = np.random.default_rng(list(KINDS).index(kind))
    chosen = rng.choice(len(images), PLANTED, replace=False)
    copies = np.array([fingerprint(KINDS[kind](images[i], rng)) for i in chosen])
    pairs = near_duplicates(np.concatenate([base, copies]))
    joined = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    return float(np.mean([(i, len(base) + n) in joined for n, i in enumerate(chosen.tolist())]))


@pytest.mark.parametrize("kind", RESAVED)
def test_copies_saved_anew_or_resized_are_found_among_ten_thousand_alike(kind: str) -> None:
    assert found_share(kind) >= 0.95


@pytest.mark.parametrize(("kind", "share"), [("gamma and brightness", 0.95), ("resized, then JPEG", 0.9)])
def test_copies_of_two_changes_or_recoloured_a_little_are_mostly_found(kind: str, share: float) -> None:
    assert found_share(kind) >= share


def test_fewer_than_one_picture_in_a_thousand_is_called_a_copy() -> None:
    _, base = real()
    pairs = near_duplicates(base)
    # Of these eight, six are one garment photographed once; all are counted.
    assert len(np.unique([pairs.first, pairs.second])) < 0.001 * len(base)


def test_mirrored_copies_are_left_out() -> None:
    assert found_share("mirrored") < 0.05


def test_exact_copies_are_grouped_by_digest_alone() -> None:
    same = np.stack([fingerprint(scene(seed=seed)) for seed in (0, 1, 0, 2, 1, 1)])
    found = find_duplicates(same, digests_of(7, 8, 7, 9, 8, 8))
    assert found.groups == (Group("exact", (0, 2)), Group("exact", (1, 4, 5)))
    assert found.near == ()


def test_a_near_group_holds_every_exact_copy_of_its_members() -> None:
    picture = scene()
    prints = np.stack([fingerprint(p) for p in (picture, scene(seed=1), picture, picture[::2, ::2])])
    found = find_duplicates(prints, digests_of(1, 2, 1, 3))
    assert found.groups == (Group("exact", (0, 2)), Group("near", (0, 2, 3)))


def test_copies_of_copies_are_one_group() -> None:
    prints = np.stack([fingerprint(scene(96 + i, 120 - i)) for i in range(6)])
    assert find_duplicates(prints, digests_of(*range(6))).groups == (Group("near", tuple(range(6))),)


def test_blank_and_tiny_pictures_are_copies_only_by_their_digest() -> None:
    blanks = [np.full((40, 40), value, np.uint8) for value in (0, 255)]
    tiny = [scene(6, 6), scene(6, 6)]
    prints = np.stack([fingerprint(p) for p in (*blanks, *tiny)])
    assert find_duplicates(prints, digests_of(1, 2, 3, 4)).groups == ()
    assert find_duplicates(prints, digests_of(1, 1, 3, 3)).groups == (
        Group("exact", (0, 1)),
        Group("exact", (2, 3)),
    )


def test_one_shape_in_two_colours_is_two_pictures_though_grey_may_be_a_copy_of_either() -> None:
    grey = scene()[:, :, 0]
    red = np.stack([grey, grey // 2, grey // 2], axis=2)
    blue = np.stack([grey // 2, grey // 2, grey], axis=2)
    luma = (red @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    prints = np.stack([fingerprint(p) for p in (red, blue, luma)])
    pairs = near_duplicates(prints)
    assert sorted(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 2), (1, 2)]


def test_no_pictures_have_no_duplicates() -> None:
    assert find_duplicates(np.zeros((0, 64), np.uint8), np.zeros((0, 16), np.uint8)).groups == ()
