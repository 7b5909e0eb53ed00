import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sets import colour, decoded, refusal, told

from striate.sources.opening import open_source

NAMES = ["비행기", "automobile", "새"]


def records(*labels: int) -> NDArray[np.uint8]:
    """Return a picture (3072,) for each label: its first pixel in the label's colour, others in order."""
    images = np.tile(np.arange(1024, dtype=np.uint8), (len(labels), 3, 1))
    for image, label in zip(images, labels, strict=True):
        image[:, :512] = np.array(colour(label)).astype(np.uint8)[:, None]
    return images.reshape(-1, 3072)


def binary(*labels: int, coarse: bool = False) -> bytes:
    parts = [np.array(labels, np.uint8)[:, None], records(*labels)]
    return np.concatenate([parts[0] * 0 + 9, *parts] if coarse else parts, axis=1).tobytes()


def python(*labels: int, key: str = "labels", **more: Any) -> bytes:
    return pickle.dumps({"data": records(*labels), key: list(labels), "batch_label": "x", **more}, 2)


def ten_binary(root: Path) -> Path:
    (root / "data_batch_1.bin").write_bytes(binary(0, 1))
    (root / "data_batch_2.bin").write_bytes(binary(2))
    (root / "data_batch_10.bin").write_bytes(binary(1))
    (root / "test_batch.bin").write_bytes(binary(2, 0))
    (root / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n", encoding="utf-8")
    return root


def ten_python(root: Path) -> Path:
    (root / "data_batch_1").write_bytes(python(0, 1))
    (root / "data_batch_2").write_bytes(python(2, 1))
    (root / "test_batch").write_bytes(python(2, 0))
    names = {"label_names": [name.encode() for name in NAMES], "num_vis": 3072, "num_cases_per_batch": 2}
    (root / "batches.meta").write_bytes(pickle.dumps(names, 2))
    return root


def hundred_binary(root: Path) -> Path:
    (root / "train.bin").write_bytes(binary(0, 1, 2, 1, coarse=True))
    (root / "test.bin").write_bytes(binary(2, 0, coarse=True))
    (root / "fine_label_names.txt").write_text("\n".join(NAMES), encoding="utf-8")
    return root


def hundred_python(root: Path) -> Path:
    (root / "train").write_bytes(python(0, 1, 2, 1, key="fine_labels", coarse_labels=[0, 0, 0, 0]))
    (root / "test").write_bytes(python(2, 0, key="fine_labels", coarse_labels=[0, 0]))
    names = {"fine_label_names": NAMES, "coarse_label_names": ["all"]}
    (root / "meta").write_bytes(pickle.dumps(names, 2))
    return root


@pytest.mark.parametrize(
    ("make", "name", "evidence"),
    [
        (ten_binary, "CIFAR-10 binary", "it holds data_batch_1.bin and batches.meta.txt"),
        (ten_python, "CIFAR-10 python", "it holds data_batch_1 and batches.meta"),
        (hundred_binary, "CIFAR-100 binary", "it holds train.bin and fine_label_names.txt"),
        (hundred_python, "CIFAR-100 python", "it holds train and meta"),
    ],
)
def test_labels_and_pixels_are_those_that_were_written(
    tmp_path: Path, make: Any, name: str, evidence: str
) -> None:
    source = open_source(make(tmp_path))
    assert (source.format, source.evidence, source.classes) == (name, evidence, tuple(NAMES))
    assert decoded(source, "train") == {
        f"train/{i}": (NAMES[label], colour(label)) for i, label in enumerate((0, 1, 2, 1))
    }
    assert decoded(source, "test") == {f"test/{i}": (NAMES[n], colour(n)) for i, n in enumerate((2, 0))}
    fine = ["the fine labels are taken, not the coarse ones"] if "100" in name else []
    assert source.notes == fine


def test_pixels_stand_where_they_stood(tmp_path: Path) -> None:
    pixels = open_source(ten_binary(tmp_path)).splits["train"].read(3)
    assert isinstance(pixels, np.ndarray)
    assert pixels.shape == (32, 32, 3)
    np.testing.assert_array_equal(pixels[16:, :, 2].ravel(), np.arange(512, 1024).astype(np.uint8))


def test_training_batches_alone_are_taken_as_a_whole_to_split(tmp_path: Path) -> None:
    (ten_binary(tmp_path) / "test_batch.bin").unlink()
    assert list(told(open_source(tmp_path)).values()) == [NAMES[label] for label in (0, 1, 2, 1)]


@pytest.mark.parametrize(
    ("make", "file", "content", "said"),
    [
        (
            *(ten_binary, "data_batch_2.bin", binary(2)[:-1]),
            "3072 bytes, which is no whole number of records of 3073. Fetch the file anew.",
        ),
        (
            *(ten_binary, "test_batch.bin", b""),
            "0 bytes, which is no whole number of records of 3073. Fetch the file anew.",
        ),
        (
            *(ten_binary, "test_batch.bin", binary(3)),
            "labels from 0 to 3, but batches.meta.txt has 3 names. Fetch the files anew.",
        ),
        (
            *(ten_python, "test_batch", python(-1)),
            "labels from -1 to 0, but batches.meta has 3 names. Fetch the files anew.",
        ),
        (
            *(ten_python, "test_batch", python(1, key="fine_labels")),
            "wanted 'data' of (N, 3072) bytes and 'labels' of N numbers. Fetch the file anew.",
        ),
        (
            *(ten_python, "test_batch", pickle.dumps([1], 2)),
            "wanted 'data' of (N, 3072) bytes and 'labels' of N numbers. Fetch the file anew.",
        ),
        (
            *(ten_python, "batches.meta", pickle.dumps({"label_names": [1]}, 2)),
            "wanted 'label_names', a list of names. Fetch the file anew.",
        ),
        (ten_python, "test_batch", python(1)[:-9], "not a whole pickle file. Fetch the file anew."),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, make: Any, file: str, content: bytes, said: str) -> None:
    (make(tmp_path) / file).write_bytes(content)
    assert refusal(tmp_path) == f"{tmp_path}/{file}: {said}"
