from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.data.files import FilePictures, file_pictures
from striate.data.pictures import Pictures
from striate.data.split import stratified_split
from striate.data.store import ids_of


def pictures(*counts: int) -> FilePictures:
    names = [f"{label}/{i}.png" for label, count in enumerate(counts) for i in range(count)]
    return file_pictures(Path(), names, names, np.repeat(np.arange(len(counts)), counts))


def names_of(some: Pictures) -> set[str]:
    return {some.name(i) for i in range(len(some))}


def split(given: Pictures, *, seed: int = 0) -> dict[str, set[str]]:
    ids = ids_of(tuple(given.name(i) for i in range(len(given))))
    return {name: names_of(part) for name, part in stratified_split(given, ids, seed=seed).items()}


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
    parts: Any = stratified_split(given, ids, seed=1)
    for part in parts.values():
        assert [int(name.split("/")[0]) for name in part.names] == part.labels.tolist()
        places = [given.names.index(name) for name in part.names]
        assert places == sorted(places)
