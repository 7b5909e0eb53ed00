from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.data.split import stratified_split
from striate.data.store.store import ids_of
from striate.sources.folders.files import FilePictures, file_pictures
from striate.sources.source import Pictures
from striate.sources.targets.task_name import TaskName


def pictures(*counts: int) -> FilePictures:
    names = [f"{label}/{i}.png" for label, count in enumerate(counts) for i in range(count)]
    return file_pictures(Path(), names, names, np.repeat(np.arange(len(counts)), counts))


def names_of(some: Pictures) -> set[str]:
    return {some.name(i) for i in range(len(some))}


def split(given: Pictures, *, seed: int = 0, task: TaskName = "classification") -> dict[str, set[str]]:
    ids = ids_of(tuple(given.name(i) for i in range(len(given))))
    return {name: names_of(part) for name, part in stratified_split(given, ids, task=task, seed=seed).items()}


def per_class(names: set[str]) -> dict[str, int]:
    classes = [name.split("/")[0] for name in names]
    return {name: classes.count(name) for name in sorted(set(classes))}


def test_every_picture_is_in_one_split() -> None:
    given = pictures(50, 7, 3, 2, 1)
    parts = split(given)
    assert set(parts) == {"train", "val", "test"}
    assert parts["train"] | parts["val"] | parts["test"] == names_of(given)
    assert sum(len(part) for part in parts.values()) == len(given)


def test_a_tenth_of_each_class_is_held_out_twice() -> None:
    parts = split(pictures(100, 50, 17))
    assert per_class(parts["val"]) == per_class(parts["test"]) == {"0": 10, "1": 5, "2": 2}
    assert per_class(parts["train"]) == {"0": 80, "1": 40, "2": 13}


@pytest.mark.parametrize(
    ("count", "train", "held"), [(1, 1, 0), (2, 2, 0), (3, 1, 1), (4, 2, 1), (14, 12, 1), (16, 12, 2)]
)
def test_a_small_class_holds_out_one_each_where_it_has_three(count: int, train: int, held: int) -> None:
    parts = split(pictures(40, count))
    found = [per_class(parts[name]).get("1", 0) for name in ("train", "val", "test")]
    assert found == [train, held, held]


def test_the_seed_decides_and_nothing_else() -> None:
    given = pictures(60, 60)
    assert split(given, seed=3) == split(given, seed=3)
    assert split(given, seed=3) != split(given, seed=4)


def test_the_order_of_listing_does_not_matter() -> None:
    given = pictures(30, 30)
    shuffled = given.subset(np.random.default_rng(0).permutation(60))
    assert split(given) == split(shuffled)


def test_a_picture_added_moves_no_more_than_the_rounding_does() -> None:
    parts, more = split(pictures(100, 100)), split(pictures(101, 100))
    for part in parts:
        assert len(parts[part] ^ more[part]) <= 2
    assert {n for part in parts for n in parts[part] ^ more[part] if n.startswith("1/")} == set()


def test_labels_follow_their_pictures_and_the_order_is_that_of_the_listing() -> None:
    given = pictures(30, 20, 10)
    ids = ids_of(tuple(given.names))
    parts: Any = stratified_split(given, ids, task="classification", seed=1)
    for part in parts.values():
        assert [int(name.split("/")[0]) for name in part.names] == part.labels.tolist()
        places = [given.names.index(name) for name in part.names]
        assert places == sorted(places)


def labelled(labels: Any) -> Pictures:
    names = [f"{i}.png" for i in range(len(labels))]
    return file_pictures(Path(), names, names, labels)


def split_labels(labels: Any, *, seed: int = 0) -> dict[str, Any]:
    """Return the labels of each split."""
    given = labelled(labels)
    ids = ids_of(tuple(given.name(i) for i in range(len(given))))
    task: TaskName = "regression" if labels.dtype.kind == "f" else "multi-label"
    parts = stratified_split(given, ids, task=task, seed=seed)
    return {name: part.labels for name, part in parts.items()}


@pytest.mark.parametrize("seed", range(3))
def test_each_of_several_labels_is_held_out_by_its_tenth(seed: int) -> None:
    shares = (0.5, 0.3, 0.1, 0.02)
    labels = (np.random.default_rng(seed).random((2000, 4)) < shares).astype(np.uint8)
    parts = split_labels(labels, seed=seed)
    assert sum(map(len, parts.values())) == 2000
    for held in (parts["val"], parts["test"]):
        assert (held.sum(0) / labels.sum(0)).tolist() == pytest.approx([0.1] * 4, abs=0.035)
        assert (~held.any(1)).sum() / (~labels.any(1)).sum() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_a_rare_label_keeps_a_picture_to_train_on_where_it_can(seed: int) -> None:
    labels = (np.random.default_rng(seed).random((60, 12)) < 0.06).astype(np.uint8)
    labels[0] = 1  # so that no label is nowhere
    parts = split_labels(labels, seed=seed)
    assert parts["train"].any(0).all()
    for label in np.flatnonzero(labels.sum(0) >= 5):
        assert parts["val"][:, label].any() or parts["test"][:, label].any()


def test_a_label_of_two_pictures_is_not_held_out_for_itself() -> None:
    labels = np.zeros((50, 2), np.uint8)
    labels[:48, 0], labels[48:, 1] = 1, 1
    parts = split_labels(labels)
    assert parts["train"].sum(0).tolist() == [38, 2]


def test_labels_do_not_depend_on_the_order_of_listing() -> None:
    labels = (np.random.default_rng(0).random((90, 3)) < 0.4).astype(np.uint8)
    given = labelled(labels)
    again = given.subset(np.random.default_rng(1).permutation(90))
    assert split(given, task="multi-label") == split(again, task="multi-label")


def test_numbers_are_held_out_from_every_range() -> None:
    numbers = np.random.default_rng(0).exponential(5, (1000, 1)).astype(np.float32)
    edges = np.quantile(numbers, np.linspace(0, 1, 11))
    for part, count in (("train", 80), ("val", 10), ("test", 10)):
        found = np.histogram(split_labels(numbers)[part], edges)[0]
        assert found.tolist() == pytest.approx([count] * 10, abs=1)


def test_two_numbers_are_held_out_from_every_cell_of_a_grid() -> None:
    numbers = np.random.default_rng(0).normal(size=(900, 2)).astype(np.float32)
    edges = [np.quantile(column, [0, 1 / 3, 2 / 3, 1]) for column in numbers.T]
    whole, held = (np.histogram2d(*part.T, bins=edges)[0] for part in (numbers, split_labels(numbers)["val"]))
    assert (held / whole).flatten().tolist() == pytest.approx([0.1] * 9, abs=0.015)


@pytest.mark.parametrize("count", [3, 5, 12, 30])
def test_few_numbers_are_held_out_all_the_same(count: int) -> None:
    parts = split_labels(np.arange(count, dtype=np.float32)[:, None])
    held = max(1, round(count / 10))
    assert [len(parts[name]) for name in ("train", "val", "test")] == [count - 2 * held, held, held]


def test_a_number_that_is_nearly_always_the_same_can_be_split() -> None:
    numbers = np.zeros((100, 4), np.float32)
    numbers[:3] = 1
    parts = split_labels(numbers)
    assert sum(map(len, parts.values())) == 100
    assert 9 <= len(parts["val"]) <= 11
