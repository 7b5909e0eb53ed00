import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from striate.data.draw import order, sample_id
from striate.data.sampling import Epoch, balanced, natural


def ids_of(count: int) -> np.ndarray:
    return np.array([sample_id(str(i)) for i in range(count)], np.uint64)


def epoch(labels: np.ndarray, *, seed: int = 0, number: int = 0) -> Epoch:
    return balanced(labels, ids_of(len(labels)), seed=seed, epoch=number)


@given(some.lists(some.integers(0, 5), min_size=1, max_size=80), some.integers(0, 3))
def test_every_class_has_its_equal_share_and_every_picture_of_it_too(found: list[int], number: int) -> None:
    labels = np.array(found)
    draws = epoch(labels, number=number)
    assert len(draws.places) == len(labels)
    counts = {label: int((labels[draws.places] == label).sum()) for label in set(found)}
    assert max(counts.values()) - min(counts.values()) <= 1
    for label in counts:
        often = np.bincount(draws.places, minlength=len(labels))[labels == label]
        assert often.max() - often.min() <= 1


def test_every_draw_has_an_identity_of_its_own() -> None:
    labels = np.array([0] * 97 + [1] * 3)
    draws = epoch(labels)
    assert len(np.unique(draws.ids)) == 100
    assert np.bincount(draws.places)[97:].min() >= 16


def test_what_a_class_has_too_many_of_is_another_choice_in_every_epoch() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    seen = [
        set(epoch(labels, number=n).places[labels[epoch(labels, number=n).places] == 0]) for n in range(9)
    ]
    assert all(len(places) == 50 for places in seen)
    assert len(set.union(*seen)) == 90


def test_seed_and_epoch_decide_and_nothing_else() -> None:
    labels = np.arange(60) % 7 % 4
    one = epoch(labels, seed=3, number=2)
    assert all(np.array_equal(a, b) for a, b in zip(one, epoch(labels, seed=3, number=2), strict=True))
    for other in (epoch(labels, seed=4, number=2), epoch(labels, seed=3, number=1)):
        assert not np.array_equal(one.places, other.places)


def test_classes_are_well_mixed_over_the_epoch() -> None:
    labels = np.array([0] * 900 + [1] * 100)
    halves = np.array_split(labels[epoch(labels).places], 10)
    assert all(30 <= int(half.sum()) <= 70 for half in halves)


def test_labels_have_equal_shares_and_pictures_without_any_one_more() -> None:
    # 80 pictures have label 0, 10 of these label 1 too, 10 others label 2, and 10 none.
    labels = np.zeros((100, 4), np.uint8)
    labels[:80, 0], labels[:10, 1], labels[80:90, 2] = 1, 1, 1
    draws = epoch(labels)
    assert len(np.unique(draws.ids)) == len(draws.places) == 100
    drawn = labels[draws.places]
    assert drawn[:, 2].sum() == 25
    assert (~drawn.any(1)).sum() == 25
    assert drawn[:, 1].sum() >= 25  # drawn for the label, or for label 0 beside it
    assert drawn[:, 0].sum() == 50


@pytest.mark.parametrize("number", [0, 5])
def test_natural_draws_are_every_picture_once_in_the_usual_order(number: int) -> None:
    ids = ids_of(30)
    draws = natural(np.arange(30) % 3, ids, seed=7, epoch=number)
    assert np.array_equal(draws.places, order("order", ids, seed=7, epoch=number))
    assert np.array_equal(draws.ids, ids[draws.places])
