"""CIFAR-10 and CIFAR-100 folders (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html), binary or python."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.arrays.arrays import ArrayPictures
from striate.sources.arrays.plain_pickle import read_plain_pickle
from striate.sources.naming import natural
from striate.sources.source import Source, stamp_of
from striate.sources.targets.class_list import listed_classes
from striate.sources.targets.kind import settled

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


class Layout(NamedTuple):
    """One variant of the CIFAR files: glob patterns of its training and test files, and where names and labels are.

    A binary record begins with `label_bytes` bytes of labels, of which the last is used; a python batch holds its
    labels under `key`, and the class names are under `names_key`.
    """

    name: str
    train: str
    test: str
    names: str
    label_bytes: int = 0
    key: str = ""
    names_key: str = ""


LAYOUTS = (
    Layout("CIFAR-10 binary", "data_batch_*.bin", "test_batch.bin", "batches.meta.txt", label_bytes=1),
    Layout("CIFAR-100 binary", "train.bin", "test.bin", "fine_label_names.txt", label_bytes=2),
    Layout(
        "CIFAR-10 python", "data_batch_?", "test_batch", "batches.meta", key="labels", names_key="label_names"
    ),
    Layout("CIFAR-100 python", "train", "test", "meta", key="fine_labels", names_key="fine_label_names"),
)


class Batch(NamedTuple):
    """Pictures (N, 3072) uint8, one colour plane of 32 x 32 after the other, and class indices (N,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def recognise_cifar(root: Path) -> str:
    """Return the evidence that a folder is a CIFAR data set, or ''."""
    layout = _layout(root) if root.is_dir() else None
    return f"it holds {_files(root, layout.train)[0].name} and {layout.names}" if layout else ""


def open_cifar(root: Path) -> Source:
    """Read a CIFAR folder, with the fine labels of CIFAR-100; python batches are read without unpickling.

    Raises DataError where a file is damaged, or a python batch holds anything but plain values and byte arrays.
    """
    layout = _layout(root)
    assert layout is not None
    classes = _class_names(root / layout.names, layout)
    splits = {}
    for split, pattern in (("train", layout.train), ("test", layout.test)):
        files = _files(root, pattern)
        if files:
            splits[split] = _pictures(split, files, layout, classes)
    notes = ["the fine labels are taken, not the coarse ones"] if "100" in layout.name else []
    return settled(Source(root, layout.name, classes, splits, notes))


def _layout(root: Path) -> Layout | None:
    """Return the first layout of which a folder has training files and class names, or None."""
    fits = (form for form in LAYOUTS if (root / form.names).is_file() and _files(root, form.train))
    return next(fits, None)


def _files(root: Path, pattern: str) -> list[Path]:
    files = (path for path in root.glob(pattern) if path.is_file())
    return sorted(files, key=lambda path: natural(path.name))


def _pictures(split: str, files: Sequence[Path], layout: Layout, classes: Sequence[str]) -> ArrayPictures:
    batches = [
        _binary(file, layout.label_bytes) if layout.label_bytes else _python(file, layout) for file in files
    ]
    for file, batch in zip(files, batches, strict=True):
        low, high = batch.labels.min(initial=0), batch.labels.max(initial=0)
        if low < 0 or high >= len(classes):
            raise DataError(
                f"{file}: labels from {low} to {high}, but {layout.names} has {len(classes)} names. "
                "Fetch the files anew."
            )
    images = np.concatenate([batch.images for batch in batches]).reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
    labels = np.concatenate([batch.labels for batch in batches])
    stats = [file.stat() for file in files]
    stamp = stamp_of(*(fact for stat in stats for fact in (stat.st_size, stat.st_mtime_ns)))
    return ArrayPictures(split, images, labels, np.arange(len(labels)), stamp)


def _binary(path: Path, label_bytes: int) -> Batch:
    """Read a binary batch, whose records are `label_bytes` bytes of labels and 3072 bytes of pixels."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    size = label_bytes + PIXELS
    if not len(content) or len(content) % size:
        raise DataError(
            f"{path}: {len(content)} bytes, which is no whole number of records of {size}. Fetch the file anew."
        )
    records = content.reshape(-1, size)
    return Batch(records[:, label_bytes:], records[:, label_bytes - 1].astype(np.int64))


def _python(path: Path, layout: Layout) -> Batch:
    """Read a python batch, a pickled dict with 'data' (N, 3072) and a list of labels."""
    content = read_plain_pickle(path)
    images, labels = _item(content, "data"), _item(content, layout.key)
    fits = isinstance(images, np.ndarray) and images.shape[1:] == (PIXELS,) and isinstance(labels, list)
    if not fits or len(images) != len(labels) or not all(type(label) is int for label in labels):
        raise DataError(
            f"{path}: wanted 'data' of (N, {PIXELS}) bytes and '{layout.key}' of N numbers. Fetch the file anew."
        )
    return Batch(images, np.array(labels, np.int64))


def _class_names(path: Path, layout: Layout) -> tuple[str, ...]:
    if not layout.names_key:
        return listed_classes(path.read_bytes(), str(path))
    names = _item(read_plain_pickle(path), layout.names_key)
    if not isinstance(names, list) or not all(isinstance(name, str | bytes) for name in names):
        raise DataError(f"{path}: wanted '{layout.names_key}', a list of names. Fetch the file anew.")
    return tuple(
        name if isinstance(name, str) else name.decode("utf-8", "backslashreplace") for name in names
    )


def _item(content: Any, key: str) -> Any:
    """Return an item of a dict whose keys are texts, or bytes if Python 2 wrote it; None where there is none."""
    if not isinstance(content, dict):
        return None
    return content.get(key, content.get(key.encode()))
