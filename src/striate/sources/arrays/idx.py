"""IDX folders, the format of MNIST and Fashion-MNIST (http://yann.lecun.com/exdb/mnist/), plain or gzipped."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.arrays.arrays import ArrayPictures
from striate.sources.source import Source, stamp_of
from striate.sources.targets.class_list import listed_classes

# The four files of the format: split -> (images, labels).
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# SHA-256 of a training label file's content -> its class names, which the format does not store.
KNOWN_CLASSES = {
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
}  # fmt: skip
UNSIGNED_BYTE = 8


def recognise_idx(root: Path) -> str:
    """Return the evidence that a folder is an IDX data set, or ''."""
    found = (_find(root, name) for name in FILES["train"])
    return next((f"it holds {path.name}" for path in found if path), "")


def open_idx(root: Path) -> Source:
    """Read an IDX folder: the train split, and test where it has one.

    Class names are those in classes.txt, else those known for these labels, else numbers. Raises DataError where a file
    is missing, does not match its header, or has a label without a class name.
    """
    splits = {
        split: _open_split(root, split)
        for split, names in FILES.items()
        if any(_find(root, n) for n in names)
    }
    if not len(splits["train"]):
        raise DataError(f"{root}: no pictures to train on.")
    classes = _class_names(root, splits["train"].labels)
    for split, pictures in splits.items():
        if pictures.labels.max(initial=0) >= len(classes):
            raise DataError(
                f"{root}: {split} has label {pictures.labels.max()}, but there are {len(classes)} classes. "
                "Write one class name a line in classes.txt beside the files."
            )
    return Source(root, "IDX", classes, splits)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes, gzipped or not; raises DataError for any other file."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}). Fetch the file anew.") from error
    dims = content[3] if len(content) >= 4 else 0
    shape = tuple(int.from_bytes(content[4 + 4 * i : 8 + 4 * i]) for i in range(dims))
    offset = 4 + 4 * dims
    if content[:3] != bytes([0, 0, UNSIGNED_BYTE]) or len(content) - offset != math.prod(shape):
        raise DataError(f"{path}: not an IDX file of unsigned bytes, or cut short. Fetch the file anew.")
    return np.frombuffer(content, np.uint8, offset=offset).reshape(shape)


def _open_split(root: Path, split: str) -> ArrayPictures:
    images_name, labels_name = FILES[split]
    images_path, labels_path = _find(root, images_name), _find(root, labels_name)
    if images_path is None or labels_path is None:
        missing = images_name if images_path is None else labels_name
        raise DataError(f"{root}: {missing}[.gz] is missing. An IDX split needs its images and its labels.")
    images, labels = read_idx(images_path), read_idx(labels_path).astype(np.int64)
    if images.ndim != 3 or labels.ndim != 1:
        raise DataError(
            f"{root}: {split} images of shape {images.shape} and labels of shape {labels.shape}; "
            "wanted (N, H, W) and (N,). Fetch the files anew."
        )
    if len(images) != len(labels):
        raise DataError(
            f"{root}: {len(images)} {split} images but {len(labels)} labels. Fetch the files anew."
        )
    stat = images_path.stat()
    stamp = stamp_of(stat.st_size, stat.st_mtime_ns)
    return ArrayPictures(split, images, labels, np.arange(len(labels)), stamp)


def _find(root: Path, name: str) -> Path | None:
    """Return the path of a file, plain or gzipped, or None; some mirrors write .idx for -idx in its name."""
    spelled = (name, name.replace("-idx", ".idx"))
    return next((p for n in spelled for p in (root / n, root / f"{n}.gz") if p.is_file()), None)


def _class_names(root: Path, labels: NDArray[np.int64]) -> tuple[str, ...]:
    """Return the class names in classes.txt, else those of a known data set, else the class indices as text."""
    listed = root / "classes.txt"
    if listed.is_file():
        return listed_classes(listed.read_bytes(), str(listed))
    header = bytes([0, 0, UNSIGNED_BYTE, 1]) + len(labels).to_bytes(4, "big")
    digest = hashlib.sha256(header + labels.astype(np.uint8).tobytes()).hexdigest()
    return KNOWN_CLASSES.get(digest) or tuple(str(i) for i in range(labels.max() + 1))
