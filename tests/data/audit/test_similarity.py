"""Near pairs, found by blocks, against every pair compared with every other."""

import numpy as np
import pytest
from numpy.typing import NDArray

from striate.data.audit.similarity import BLOCK, FAR, crowding, near_pairs, unit_vectors


def clustered(count: int, dims: int, *, seed: int) -> NDArray[np.int8]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 30, (40, dims))
    return np.rint(centres[rng.integers(40, size=count)] + rng.normal(0, 4, (count, dims))).astype(np.int8)


@pytest.mark.parametrize(
    ("count", "dims"), [(0, 5), (1, 5), (2, 5), (BLOCK, 3), (3 * BLOCK + 1, 4), (1300, 24)]
)
def test_no_pair_within_reach_is_missed_and_none_beyond_is_found(count: int, dims: int) -> None:
    vectors = unit_vectors(clustered(count, dims, seed=count))
    reach = np.random.default_rng(1).uniform(0.02, 0.3, count).astype(np.float32)
    pairs = near_pairs(vectors, reach)
    unit = vectors[:].astype(np.float64)
    apart = np.linalg.norm(unit[:, None] - unit, axis=2) if count else np.zeros((0, 0))
    limit = np.minimum(reach[:, None], reach)
    sure = np.triu(apart < limit - 1e-6, 1)
    maybe = np.triu(apart < limit + 1e-6, 1)
    found = np.zeros_like(sure)
    found[pairs.first, pairs.second] = True
    assert (found >= sure).all()
    assert (found <= maybe).all()
    assert len(pairs.first) == found.sum()
    assert pairs.distance == pytest.approx(apart[pairs.first, pairs.second], abs=1e-5)


def test_a_row_of_zeros_is_no_vector_and_no_error() -> None:
    assert not unit_vectors(np.zeros((3, 4), np.int8))[:].any()


def test_the_crowd_is_about_as_far_as_the_nearest_stranger() -> None:
    rng = np.random.default_rng(0)
    vectors = unit_vectors(np.rint(rng.normal(0, 20, (4000, 8))).astype(np.int8))
    likeness = vectors[:] @ vectors[:].T
    np.fill_diagonal(likeness, -1)
    nearest = np.sqrt(2 - 2 * likeness.max(axis=1))
    assert np.median(crowding(vectors)) == pytest.approx(np.median(nearest), rel=0.15)


def test_a_few_copies_of_everything_do_not_move_the_crowd() -> None:
    rng = np.random.default_rng(0)
    values = np.rint(rng.normal(0, 20, (2000, 8))).astype(np.int8)
    alone, copied = crowding(unit_vectors(values)), crowding(unit_vectors(np.repeat(values, 3, axis=0)))
    assert np.median(copied) == pytest.approx(np.median(alone), rel=0.2)


def test_among_too_few_there_is_no_crowd() -> None:
    assert np.isinf(crowding(unit_vectors(clustered(FAR, 5, seed=0)))).all()
