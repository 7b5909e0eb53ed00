from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from striate.data.relabel import relabel
from striate.data.store.store import Store
from striate.errors import DataError
from striate.sources.arrays.arrays import ArrayPictures
from striate.sources.source import Source
from striate.sources.targets.kind import TARGET_KINDS, refuse_other_task
from striate.sources.targets.task_name import TaskName

ROOT = Path("/사진")


def told(task: TaskName, names: tuple[str, ...], labels: Any) -> tuple[Store, Source]:
    """Return pictures of one pixel as they are read, and the data set they come from."""
    count = len(labels)
    pictures = ArrayPictures("all", np.zeros((count, 1, 1), np.uint8), labels, np.arange(count))
    store = Store(
        torch.zeros(count, 1, 1, 1), torch.from_numpy(labels), tuple(map(str, range(count))), ("",) * count
    )
    return store, Source(ROOT, "made", names, {"all": pictures}, task=task)


CLASSES = told("classification", ("a", "b", "c"), np.array([0, 2, 2]))
LABELS = told("multi-label", ("a", "b", "c"), np.array([[1, 0, 1], [0, 0, 1]], np.uint8))
NUMBERS = told("regression", ("x", "y", "z"), np.array([[1, 2, 3], [4, 5, 6]], np.float32))


def test_counts_are_of_pictures_by_class_label_or_target() -> None:
    assert TARGET_KINDS["classification"].counts(np.array([0, 2, 2]), 4) == [1, 0, 2, 0]
    assert TARGET_KINDS["multi-label"].counts(np.array([[1, 0], [1, 1], [1, 0]], np.uint8), 2) == [3, 1]
    assert TARGET_KINDS["regression"].counts(np.array([[1, 0], [2, 7]], np.float32), 2) == [2, 2]
    assert TARGET_KINDS["multi-label"].counts(np.ones((300, 1), np.uint8), 1) == [300]


def test_the_networks_own_names_change_nothing() -> None:
    for store, source in (CLASSES, LABELS, NUMBERS):
        assert relabel(store, source, source.classes, source.task) is store


def test_classes_are_counted_in_the_networks_order() -> None:
    assert relabel(*CLASSES, ("c", "d", "a"), "classification").labels.tolist() == [2, 0, 0]


def test_labels_take_the_networks_columns_and_those_it_knows_besides_are_nowhere() -> None:
    labels = relabel(*LABELS, ("c", "d", "a"), "multi-label").labels
    assert labels.dtype == torch.uint8
    assert labels.tolist() == [[1, 0, 1], [1, 0, 0]]


def test_targets_are_found_by_name_and_others_left() -> None:
    assert relabel(*NUMBERS, ("z", "x"), "regression").labels.tolist() == [[3, 1], [6, 4]]


def test_one_class_a_picture_is_its_one_label() -> None:
    labels = relabel(*CLASSES, ("c", "d", "a"), "multi-label").labels
    assert labels.dtype == torch.uint8
    assert labels.tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 0]]
    same = relabel(*CLASSES, ("a", "b", "c"), "multi-label").labels
    assert same.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize(
    ("told", "names", "task", "message"),
    [
        (CLASSES, ("a", "b"), "classification", "class 'c' is not one the network knows. It knows: a, b."),
        (LABELS, ("b", "c"), "multi-label", "label 'a' is not one the network knows. It knows: b, c."),
        (NUMBERS, ("x", "폭"), "regression", "target '폭' of the network is not in the data. They have: x, y, z."),
        (LABELS, ("a",), "classification", "labelled for multi-label, and the network was trained for classification. "
         "Give data of the same kind."),
        (CLASSES, ("a",), "regression", "labelled for classification, and the network was trained for regression. "
         "Give data of the same kind."),
    ],
)  # fmt: skip
def test_what_the_network_cannot_be_scored_on_is_refused(
    told: tuple[Store, Source], names: tuple[str, ...], task: TaskName, message: str
) -> None:
    with pytest.raises(DataError) as raised:
        relabel(*told, names, task)
    assert str(raised.value) == f"{ROOT}: {message}"


def test_a_set_of_the_same_kind_is_taken() -> None:
    for _, source in (CLASSES, LABELS, NUMBERS):
        refuse_other_task(source, source.task)
    refuse_other_task(CLASSES[1], "multi-label")
