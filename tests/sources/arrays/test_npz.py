import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sets import decoded, refusal, told

from striate.sources.arrays.arrays import ArrayPictures
from striate.sources.opening import open_source

GREY = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((6, 4, 4), np.uint8) * 40
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)  # (6, 4, 4, 3)
LABELS = np.array([0, 1, 0, 1, 2, 2])
WANTED = "Wanted: images and labels, x_train and y_train, train_images and train_labels, or such."


def colours(images: NDArray[Any] = COLOUR) -> list[tuple[int, ...]]:
    return [tuple(map(int, image[0, 0])) for image in images]


def save(path: Path, *, squeezed: bool = False, **arrays: Any) -> Path:
    (np.savez_compressed if squeezed else np.savez)(path, allow_pickle=True, **arrays)
    return path


def images_of(path: Path) -> ArrayPictures:
    pictures = open_source(path).splits["all"]
    assert isinstance(pictures, ArrayPictures)
    return pictures


# --- a whole one


@pytest.mark.parametrize("squeezed", [False, True])
def test_labels_and_pixels_are_those_that_were_written(tmp_path: Path, squeezed: bool) -> None:
    names = np.array(["고양이", "개", "새"])
    path = save(tmp_path / "그림.npz", squeezed=squeezed, images=COLOUR, labels=LABELS, class_names=names)
    source = open_source(path)
    assert (source.format, source.task, source.classes, source.notes) == (
        *("NumPy", "classification"),
        *(("고양이", "개", "새"), []),
    )
    words = ["고양이", "개", "고양이", "개", "새", "새"]
    expected = {f"all/{i}": pair for i, pair in enumerate(zip(words, colours(), strict=True))}
    assert decoded(source) == expected
    assert isinstance(images_of(path).images, np.memmap) is not squeezed


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (("x_train", "y_train"), ("x_test", "y_test")),
        (("X_train", "Y_train"), ("X_test", "Y_test")),
        (("train_images", "train_labels"), ("test_images", "test_labels")),
        (("images_train", "targets_train"), ("data_testing", "label_testing")),
    ],
)
def test_the_usual_names_are_understood(
    tmp_path: Path, train: tuple[str, str], test: tuple[str, str]
) -> None:
    arrays = dict(zip((*train, *test), (COLOUR, LABELS[:, None], COLOUR[::-1], LABELS[::-1]), strict=True))
    save(tmp_path / "a.npz", **arrays)
    source = open_source(tmp_path)
    assert source.evidence == f"a.npz has the arrays {train[0]} and {train[1]}"
    assert list(source.splits) == ["train", "test"]
    assert [pixel for _, pixel in decoded(source, "test").values()] == colours()[::-1]
    assert list(told(source, "test").values()) == ["2", "2", "1", "0", "1", "0"]


def test_a_folder_of_npy_files_is_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", COLOUR)
    np.save(tmp_path / "labels.npy", LABELS)
    (tmp_path / "classes.txt").write_text("가\n나\n다\n", encoding="utf-8")
    source = open_source(tmp_path)
    assert (source.evidence, source.classes) == ("it holds the arrays images and labels", ("가", "나", "다"))
    assert [pixel for _, pixel in decoded(source).values()] == colours()
    assert isinstance(images_of(tmp_path).images, np.memmap)


# --- labels


@pytest.mark.parametrize(
    ("labels", "task", "classes", "told_of_0", "note"),
    [
        (LABELS.astype(np.uint8)[:, None], "classification", ("0", "1", "2"), "0", ""),
        (np.array([5, 7, 5, 7, 9, 9]), "classification", ("5", "7", "9"), "5", ""),
        (np.array([-1, 1, 1, 1, 1, 1]), "classification", ("-1", "1"), "-1", ""),
        (LABELS == 0, "classification", ("0", "1"), "1", ""),
        (np.array([0.0, 1, 1, 1, 1, 1]), "classification", ("0", "1"), "0", ""),
        (np.array(["개", " 10", "2", "2", "2", "2"]), "classification", ("2", "10", "개"), "개", ""),
        (np.array([b"a", b"b", b"b", b"b", b"b", b"b"]), "classification", ("a", "b"), "a", ""),
        (
            *(np.eye(3, dtype=np.float32)[LABELS], "classification", ("0", "1", "2"), "0"),
            "each row of labels has one 1, so the columns are classes",
        ),
        (
            *(np.array([[1, 1], [0, 1]])[LABELS // 2], "multi-label", ("0", "1"), {"0", "1"}),
            "the labels are rows of 0 and 1: several labels a picture",
        ),
        (
            *(LABELS / 4 + 0.25, "regression", ("value",), {"value": 0.25}),
            "the labels are floats: numbers to learn, not classes",
        ),
        (
            *(np.stack([LABELS, LABELS / 2], axis=1), "regression", ("0", "1"), {"0": 0.0, "1": 0.0}),
            "the labels are rows of numbers to learn",
        ),
    ],
)
def test_what_labels_mean_is_told_by_their_shape_and_type(
    tmp_path: Path, labels: Any, task: str, classes: tuple[str, ...], told_of_0: Any, note: str
) -> None:
    labels = labels if len(labels) == 6 else np.resize(labels, (6, *labels.shape[1:]))
    source = open_source(save(tmp_path / "a.npz", images=COLOUR, labels=labels))
    assert (source.task, source.classes, list(source.notes)) == (task, classes, [note] if note else [])
    assert told(source)["all/0"] == told_of_0


@pytest.mark.parametrize(
    ("labels", "names", "said"),
    [
        (LABELS, ["a", "b"], "labels from 0 to 2, but 2 class names. Name each class, from label 0 on."),
        (LABELS - 1, ["a", "b"], "labels from -1 to 1, but 2 class names. Name each class, from label 0 on."),
        (
            *(np.eye(3)[LABELS], ["a", "b"]),
            "2 class names, but labels of shape (6, 3). Name each column.",
        ),
        (
            *(np.zeros((6, 2, 2)), None),
            "labels of all float64 (6, 2, 2); wanted numbers or texts (N,) or (N, K), alike in each split.",
        ),
        (
            *(np.zeros(6, complex), None),
            "labels of all complex128 (6,); wanted numbers or texts (N,) or (N, K), alike in each split.",
        ),
        (
            LABELS,
            ["a", "caf\u00e9", "cafe\u0301"],
            "'café' is the name of two classes. Give each a name of its own.",
        ),
        (np.full((6, 2), "a"), None, "labels are texts of shape (6, 2); wanted one a picture, (N,)."),
        (
            *(LABELS[:5], None),
            "images of shape (6, 4, 4, 3) and labels of shape (5,) do not belong together; "
            "wanted one label for each picture.",
        ),
        (np.zeros(6, int), None, "only one class with pictures, '0'; a classifier needs two or more."),
    ],
)
def test_labels_that_mean_nothing_are_refused(tmp_path: Path, labels: Any, names: Any, said: str) -> None:
    named = {} if names is None else {"classes": np.array(names)}
    path = save(tmp_path / "a.npz", images=COLOUR, labels=labels, **named)
    assert refusal(path) == f"{path}: {said}"


# --- pixels


@pytest.mark.parametrize(
    "images",
    [
        COLOUR.transpose(0, 3, 1, 2),
        np.asfortranarray(COLOUR),
        (COLOUR / 255).astype(np.float32),
        COLOUR / 255,
        COLOUR.astype(np.int64),
    ],
)
def test_pixels_are_the_same_in_whatever_form_they_are_stored(tmp_path: Path, images: NDArray[Any]) -> None:
    source = open_source(save(tmp_path / "a.npz", images=images, labels=LABELS))
    assert [pixel for _, pixel in decoded(source).values()] == colours()


def test_grey_pictures_have_two_axes_or_three(tmp_path: Path) -> None:
    for images in (GREY, GREY[..., None], GREY[:, None]):
        source = open_source(save(tmp_path / "a.npz", images=images, labels=LABELS))
        assert [pixel for _, pixel in decoded(source).values()] == [(g, g, g) for g in range(0, 240, 40)]


def test_black_and_white_is_0_and_255(tmp_path: Path) -> None:
    source = open_source(save(tmp_path / "a.npz", images=GREY > 100, labels=LABELS))
    assert {pixel[0] for _, pixel in decoded(source).values()} == {0, 255}


def test_deep_pictures_keep_their_16_bits(tmp_path: Path) -> None:
    deep = GREY.astype(">u2") * 257 + 3
    read = images_of(save(tmp_path / "a.npz", images=deep, labels=LABELS)).read(5)
    assert (read.dtype, int(read[0, 0])) == (np.uint16, 200 * 257 + 3)


def test_floats_that_were_no_bytes_become_16_bits(tmp_path: Path) -> None:
    floats = np.linspace(0, 1, 96).reshape(6, 4, 4)
    images = images_of(save(tmp_path / "a.npz", images=floats, labels=LABELS)).images
    assert images.dtype == np.uint16
    np.testing.assert_allclose(images / 65535, floats, atol=0.5 / 65535)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((6, 16)), " has shape (6, 16); wanted (N, H, W), (N, H, W, C) or (N, C, H, W)."),
        (
            np.zeros((6, 3, 4, 3)),
            " has shape (6, 3, 4, 3): it cannot be told which axis holds the channels. Wanted: (N, H, W, C) or "
            "(N, C, H, W) with fewer channels than rows and columns, or (N, H, W).",
        ),
        (
            np.zeros((6, 4, 3, 4)),
            " has shape (6, 4, 3, 4): it cannot be told which axis holds the channels. Wanted: (N, H, W, C) or "
            "(N, C, H, W) with fewer channels than rows and columns, or (N, H, W).",
        ),
        (GREY.astype(float), " has float64 values from 0 to 200; wanted 0 to 1. Divide them by 255."),
        (GREY / 100 - 1, " has float64 values from -1 to 1; wanted 0 to 1."),
        (np.full((6, 4, 4), np.nan), " has float64 values from nan to nan; wanted 0 to 1."),
        (GREY.astype(int) - 1, " has int64 values from -1 to 199; wanted 0 to 255."),
        (GREY.astype(complex), " is of type complex128; wanted uint8, uint16, or floats in 0..1."),
    ],
)
def test_pixels_that_mean_nothing_are_refused(tmp_path: Path, images: NDArray[Any], said: str) -> None:
    path = save(tmp_path / "a.npz", images=images, labels=LABELS)
    assert refusal(path) == f"{path}: images{said}"


# --- what is missing or unsafe


class Bomb:
    """A pickle of this writes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    bomb = np.array([Bomb(tmp_path / "fired")] * 6, object)
    path = save(tmp_path / "a.npz", images=COLOUR, labels=bomb)
    assert refusal(path) == (
        f"{path}: labels cannot be read (Object arrays cannot be loaded when allow_pickle=False). "
        "Write it as an array of numbers."
    )
    (tmp_path / "images.npy").write_bytes(pickle.dumps(bomb))
    np.save(tmp_path / "labels.npy", LABELS)
    path.unlink()
    assert "images cannot be read" in refusal(tmp_path)
    assert not (tmp_path / "fired").exists()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"arr_0": GREY}, f"none of its arrays is called as pictures are. {WANTED}"),
        ({"x_train": GREY}, f"the labels that belong to x_train (train) are missing. {WANTED}"),
        ({"labels": LABELS}, f"the pictures that belong to labels (all) are missing. {WANTED}"),
        (
            {"x_test": GREY, "y_test": LABELS, "x_val": GREY, "y_val": LABELS},
            "there is test and val, but no train to learn from.",
        ),
        ({"x": GREY[:0], "y": LABELS[:0]}, "no pictures in it."),
    ],
)
def test_missing_arrays_are_named(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    path = save(tmp_path / "a.npz", **arrays)
    assert refusal(path) == f"{path}: {said}"


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", images=COLOUR, labels=LABELS)
    path.write_bytes(path.read_bytes()[:-40])
    assert refusal(path) == f"{path}: cannot be read as .npz (File is not a zip file). Fetch the file anew."


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", images=COLOUR, labels=LABELS)
    before = open_source(path).splits["all"].stamp(0)
    save(path, images=COLOUR, labels=LABELS, more=LABELS)
    assert open_source(path).splits["all"].stamp(0) != before
