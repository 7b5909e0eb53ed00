import gzip
import importlib.util
import unicodedata
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.arrays import idx
from striate.sources.arrays.arrays import ArrayPictures
from striate.sources.arrays.idx import open_idx, read_idx
from striate.sources.opening import BUNDLED, open_source

FULL = Path("/usr/share/datasets/fashion-mnist")
BUNDLE = BUNDLED["fashion"]
FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
TRAIN_IMAGES, TRAIN_LABELS = idx.FILES["train"]
TEST_IMAGES, TEST_LABELS = idx.FILES["test"]


def bytes_of(values: Any) -> bytes:
    """Return an IDX file of unsigned bytes."""
    array = np.asarray(values, np.uint8)
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def images(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, 3, 4), dtype=np.uint8)


def folder(root: Path, *, train: Any = (0, 1, 2), test: Any = None, gz: bool = False) -> Path:
    for name, labels in (("train", train), ("test", test)):
        if labels is not None:
            for file, values in zip(idx.FILES[name], (images(len(labels)), labels), strict=True):
                write(root, file, bytes_of(values), gz=gz)
    return root


def write(root: Path, name: str, content: bytes, *, gz: bool = False) -> None:
    (root / (f"{name}.gz" if gz else name)).write_bytes(gzip.compress(content) if gz else content)


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_source(root)
    return str(caught.value)


@pytest.mark.parametrize("gz", [False, True])
def test_an_idx_folder_has_its_splits_pixels_and_labels(tmp_path: Path, gz: bool) -> None:
    source = open_source(folder(tmp_path, train=[2, 0, 1, 0], test=[1, 2], gz=gz))
    assert (source.format, source.classes, list(source.splits)) == ("IDX", ("0", "1", "2"), ["train", "test"])
    train = source.splits["train"]
    assert train.labels.tolist() == [2, 0, 1, 0]
    assert [train.name(i) for i in range(4)] == ["train/0", "train/1", "train/2", "train/3"]
    np.testing.assert_array_equal(np.stack([np.asarray(train.read(i)) for i in range(4)]), images(4))
    assert source.splits["test"].labels.tolist() == [1, 2]


def test_a_subset_keeps_the_positions_in_the_file(tmp_path: Path) -> None:
    train = open_idx(folder(tmp_path, train=[2, 0, 1, 0])).splits["train"]
    some = train.subset(np.array([3, 1])).subset(np.array([1]))
    assert isinstance(some, ArrayPictures)
    assert (len(some), some.name(0), some.labels.tolist()) == (1, "train/1", [0])
    np.testing.assert_array_equal(some.read(0), images(4)[1])


def test_the_dot_of_some_mirrors_is_understood(tmp_path: Path) -> None:
    folder(tmp_path)
    for file in list(tmp_path.iterdir()):
        file.rename(tmp_path / file.name.replace("-idx", ".idx"))
    assert len(open_source(tmp_path).splits["train"]) == 3


# --- class names


@pytest.mark.parametrize(
    "text", ["고양이\n강아지\n새\n", "고양이\r\n강아지\r\n새\r\n\r\n", "\ufeff고양이\n\n 강아지 \n새"]
)
def test_class_names_stand_in_classes_txt(tmp_path: Path, text: str) -> None:
    (folder(tmp_path) / "classes.txt").write_bytes(text.encode())
    assert open_source(tmp_path).classes == ("고양이", "강아지", "새")


def test_class_names_in_either_unicode_form_are_one(tmp_path: Path) -> None:
    listed = folder(tmp_path) / "classes.txt"
    listed.write_text(unicodedata.normalize("NFD", "고양이\n강아지\n새\n"), encoding="utf-8")
    assert open_source(tmp_path).classes == ("고양이", "강아지", "새")


def test_classes_without_pictures_may_be_listed(tmp_path: Path) -> None:
    (folder(tmp_path, train=[0, 2]) / "classes.txt").write_text("a\nb\nc\nd\n")
    assert open_source(tmp_path).classes == ("a", "b", "c", "d")


def test_a_label_beyond_the_listed_classes_is_refused(tmp_path: Path) -> None:
    (folder(tmp_path, train=[0, 2]) / "classes.txt").write_text("a\nb\n")
    assert refusal(tmp_path) == (
        f"{tmp_path}: train has label 2, but there are 2 classes. "
        "Write one class name a line in classes.txt beside the files."
    )


def test_a_label_that_only_test_has_is_refused(tmp_path: Path) -> None:
    assert refusal(folder(tmp_path, train=[0, 1], test=[0, 5])) == (
        f"{tmp_path}: test has label 5, but there are 2 classes. "
        "Write one class name a line in classes.txt beside the files."
    )


def test_a_class_listed_twice_is_refused(tmp_path: Path) -> None:
    (folder(tmp_path) / "classes.txt").write_text("a\nb\na\n")
    assert refusal(tmp_path) == (
        f"{tmp_path}/classes.txt: 'a' stands there twice. Give each class a name of its own."
    )


def test_class_names_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    (folder(tmp_path) / "classes.txt").write_bytes("고양이".encode("cp949"))
    assert (
        refusal(tmp_path) == f"{tmp_path}/classes.txt: not UTF-8 text (invalid start byte). Save it as UTF-8."
    )


# --- broken files


@pytest.mark.parametrize(
    ("missing", "left"),
    [(TRAIN_LABELS, "its images"), (TRAIN_IMAGES, "its labels"), (TEST_LABELS, ""), (TEST_IMAGES, "")],
)
def test_a_missing_half_of_a_split_is_named(tmp_path: Path, missing: str, left: str) -> None:
    folder(tmp_path, test=[0, 1])
    (tmp_path / missing).unlink()
    assert refusal(tmp_path) == (
        f"{tmp_path}: {missing}[.gz] is missing. An IDX split needs its images and its labels."
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x08\x00\x07",
        b"<html>not found</html>",
        bytes_of(np.zeros((3, 3, 4)))[:-1],
        bytes_of(np.zeros((3, 3, 4))) + b"\0",
        bytes([0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0]),  # floats
        bytes([0, 0, 8, 3]) + b"\xff" * 12,
    ],
)
def test_a_file_that_is_not_what_its_header_says_is_refused(tmp_path: Path, content: bytes) -> None:
    folder(tmp_path)
    write(tmp_path, TRAIN_IMAGES, content)
    expected = (
        f"{tmp_path}/{TRAIN_IMAGES}: not an IDX file of unsigned bytes, or cut short. Fetch the file anew."
    )
    if content == b"\0\0\x08\x00\x07":
        expected = (
            f"{tmp_path}: train images of shape () and labels of shape (3,); "
            "wanted (N, H, W) and (N,). Fetch the files anew."
        )
    assert refusal(tmp_path) == expected


def test_labels_in_the_place_of_images_are_refused(tmp_path: Path) -> None:
    folder(tmp_path)
    write(tmp_path, TRAIN_IMAGES, bytes_of([0, 1, 2]))
    assert refusal(tmp_path) == (
        f"{tmp_path}: train images of shape (3,) and labels of shape (3,); "
        "wanted (N, H, W) and (N,). Fetch the files anew."
    )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda c: c[:-4], "Compressed file ended before the end-of-stream marker was reached"),
        (lambda c: b"PK" + c, "Not a gzipped file (b'PK')"),
        (lambda c: c[:12] + b"\xff\xff" + c[14:], None),
        (lambda c: c[:-8] + bytes(4) + c[-4:], None),
    ],
)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, damage: Any, said: str | None) -> None:
    folder(tmp_path, gz=True)
    path = tmp_path / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(damage(path.read_bytes()))
    found = refusal(tmp_path)
    if said is None:
        with pytest.raises((OSError, zlib.error)) as raised:
            gzip.decompress(path.read_bytes())
        said = str(raised.value)
    assert found == f"{path}: cannot be read ({said}). Fetch the file anew."


def test_images_and_labels_of_different_number_are_refused(tmp_path: Path) -> None:
    folder(tmp_path)
    write(tmp_path, TRAIN_LABELS, bytes_of([0, 1]))
    assert refusal(tmp_path) == f"{tmp_path}: 3 train images but 2 labels. Fetch the files anew."


def test_no_picture_and_only_one_class_are_refused(tmp_path: Path) -> None:
    assert refusal(folder(tmp_path, train=[])) == f"{tmp_path}: no pictures to train on."
    assert refusal(folder(tmp_path, train=[0, 0, 0])) == (
        f"{tmp_path}: only one class with pictures, '0'; a classifier needs two or more."
    )


# --- the data sets themselves


def test_the_bundled_set_is_class_balanced_and_small() -> None:
    source = open_source("fashion")
    assert source.classes == FASHION
    assert np.bincount(source.splits["train"].labels).tolist() == [1000] * 10
    assert np.bincount(source.splits["test"].labels).tolist() == [200] * 10
    assert np.asarray(source.splits["train"].read(9_999)).shape == (28, 28)
    assert sum(file.stat().st_size for file in BUNDLE.iterdir()) <= 7_000_000
    assert (BUNDLE / "LICENSE").read_text().startswith("MIT License")


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load tools/make_fashion.py, writing into a folder of its own."""
    spec = importlib.util.spec_from_file_location("make_fashion", Path("tools") / "make_fashion.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "TARGET", tmp_path)
    monkeypatch.setattr("sys.argv", ["make_fashion.py", str(FULL)])
    return module


needs_full = pytest.mark.skipif(
    not (FULL / f"{TRAIN_IMAGES}.gz").is_file(),
    reason="the full set is not installed (Debian: dataset-fashion-mnist)",
)


@needs_full
@pytest.mark.slow
def test_the_bundled_files_are_made_again_to_the_same_bytes(maker: ModuleType, tmp_path: Path) -> None:
    maker.main()
    made = sorted(file.name for file in tmp_path.iterdir())
    assert made == sorted(f"{name}.gz" for pair in idx.FILES.values() for name in pair)
    for name in made:
        assert (tmp_path / name).read_bytes() == (BUNDLE / name).read_bytes(), name


@needs_full
def test_the_full_set_opens_with_its_class_names() -> None:
    source = open_source(FULL)
    assert source.classes == FASHION
    assert {split: len(pictures) for split, pictures in source.splits.items()} == {
        "train": 60_000,
        "test": 10_000,
    }


@needs_full
def test_the_bundled_pictures_are_those_of_the_full_set() -> None:
    full, kept = read_idx(FULL / f"{TEST_IMAGES}.gz"), read_idx(BUNDLE / f"{TEST_IMAGES}.gz")
    labels = read_idx(FULL / f"{TEST_LABELS}.gz")
    seen = np.zeros(10, int)
    expected = []
    for image, label in zip(full, labels, strict=True):
        seen[label] += 1
        if seen[label] <= 200:
            expected.append(image)
    np.testing.assert_array_equal(kept, np.stack(expected))
