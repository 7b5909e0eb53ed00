"""NumPy arrays of pictures: an .npz file, or a folder of .npy files."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.arrays.arrays import ArrayPictures, as_pictures
from striate.sources.arrays.labels import read_labels, texts_of
from striate.sources.folders.walk import files_ending, has_folders
from striate.sources.naming import SPLIT_NAMES, SPLITS
from striate.sources.source import Source, stamp_of
from striate.sources.targets.class_list import listed_classes
from striate.sources.targets.kind import settled

# Names of arrays, which may be joined with a split by an underscore: images, x_train, val_images.
IMAGES = ("images", "image", "x", "data", "imgs", "pictures")
LABELS = ("labels", "label", "y", "targets", "target")
CLASSES = ("classes", "class_names", "label_names")
WANTED = "Wanted: images and labels, x_train and y_train, train_images and train_labels, or such."


class Arrays(NamedTuple):
    """The names of arrays: split -> (of pictures, of labels), and of class names; '' for one that is missing."""

    splits: Mapping[str, tuple[str, str]]
    classes: str = ""


def recognise_npz(root: Path) -> str:
    """Return the evidence that a path is an .npz file, or a folder with one or with .npy files of pictures, or ''."""
    if root.is_file():
        return f"its name ends in {root.suffix}" if root.suffix.lower() == ".npz" else ""
    if not root.is_dir() or has_folders(root) or not (file := _file(root)):
        return ""
    try:
        arrays = _sorted(_names(file))
    except DataError:
        return ""
    pair = arrays.splits.get("train") or arrays.splits.get("all") or ("", "")
    within = f"{file.name} has" if file.is_file() else "it holds"
    return f"{within} the arrays {pair[0]} and {pair[1]}" if all(pair) else ""


def open_npz(root: Path) -> Source:
    """Open the arrays of an .npz file or of a folder of .npy files; uncompressed ones are memory-mapped.

    Raises DataError where an array is missing, is pickled, or has a shape or type that is not supported.
    """
    file = root if root.is_file() else _file(root) or root
    arrays = _sorted(_names(file))
    _refuse_halves(root, arrays)
    images = {split: _load(file, pair[0]) for split, pair in arrays.splits.items()}
    labels = {split: _load(file, pair[1]) for split, pair in arrays.splits.items()}
    for split, (image_name, label_name) in arrays.splits.items():
        if not images[split].shape or not labels[split].shape or len(images[split]) != len(labels[split]):
            raise DataError(
                f"{root}: {image_name} of shape {images[split].shape} and {label_name} of shape "
                f"{labels[split].shape} do not belong together; wanted one label for each picture."
            )
    names = tuple(texts_of(_load(file, arrays.classes).ravel())) if arrays.classes else ()
    read = read_labels(root, labels, names=names or _listed(root))
    pictures = {
        split: ArrayPictures(
            split,
            as_pictures(images[split], place=f"{root}: {arrays.splits[split][0]}"),
            read.labels[split],
            np.arange(len(images[split])),
            _stamp(file, arrays.splits[split][0]),
        )
        for split in SPLITS
        if split in images
    }
    return settled(Source(root, "NumPy", read.classes, pictures, read.notes, read.task))


def _file(root: Path) -> Path | None:
    """Return the one .npz file in a folder, or the folder itself where it holds .npy files."""
    found = files_ending(root, ".npz")
    if len(found) == 1:
        return found[0]
    return root if not found and files_ending(root, ".npy") else None


def _names(file: Path) -> list[str]:
    """Return the names of the arrays, without reading any."""
    if file.is_dir():
        return [path.stem for path in files_ending(file, ".npy") if path.suffix == ".npy"]
    try:
        with zipfile.ZipFile(file) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{file}: cannot be read as .npz ({error}). Fetch the file anew.") from error


def _sorted(names: list[str]) -> Arrays:
    """Assign arrays to splits, as pictures or as labels, by their names; other names are ignored."""
    splits: dict[str, tuple[str, str]] = {}
    classes = next((name for name in names if name.lower() in CLASSES), "")
    for name in names:
        words = name.lower().split("_")
        known = [SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES]
        rest = [word for word in words if word not in SPLIT_NAMES]
        if len(known) > 1 or len(rest) != 1:
            continue
        split = known[0] if known else "all"
        images, labels = splits.get(split, ("", ""))
        if rest[0] in IMAGES and not images:
            splits[split] = name, labels
        elif rest[0] in LABELS and not labels:
            splits[split] = images, name
    if len(splits) > 1:
        splits.pop("all", None)
    return Arrays(splits, classes)


def _refuse_halves(root: Path, arrays: Arrays) -> None:
    if not arrays.splits:
        raise DataError(f"{root}: none of its arrays is called as pictures are. {WANTED}")
    for split, pair in arrays.splits.items():
        if not all(pair):
            missing, other = ("pictures", pair[1]) if not pair[0] else ("labels", pair[0])
            raise DataError(f"{root}: the {missing} that belong to {other} ({split}) are missing. {WANTED}")


def _load(file: Path, name: str) -> NDArray[Any]:
    """Return an array, memory-mapped if it is uncompressed; nothing is ever unpickled."""
    try:
        if file.is_dir():
            return np.load(file / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        mapped = _map(file, f"{name}.npy")
        if mapped is not None:
            return mapped
        with np.load(file, allow_pickle=False) as arrays:
            return arrays[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{file}: {name} cannot be read ({error}). Write it as an array of numbers."
        ) from error


def _map(file: Path, member: str) -> NDArray[Any] | None:
    """Memory-map an array of an .npz file; None where that cannot be done, as for one that is compressed or empty."""
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo(member)
    if info.compress_type != zipfile.ZIP_STORED:
        return None
    with file.open("rb") as stream:
        stream.seek(info.header_offset + 26)
        # A zip's local header has 30 bytes, then a name and an extra field, whose lengths are at offsets 26 and 28.
        lengths = stream.read(4)
        stream.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read:
            return None
        shape, fortran, dtype = read[version](stream)
        if dtype.hasobject or not all(shape):
            return None
        return np.memmap(file, dtype, "r", stream.tell(), shape, order="F" if fortran else "C")


def _listed(root: Path) -> tuple[str, ...]:
    """Return the class names in classes.txt, in the folder or beside the file, or none."""
    listed = (root if root.is_dir() else root.parent) / "classes.txt"
    return listed_classes(listed.read_bytes(), str(listed)) if listed.is_file() else ()


def _stamp(file: Path, name: str) -> int:
    stat = (file / f"{name}.npy" if file.is_dir() else file).stat()
    return stamp_of(stat.st_size, stat.st_mtime_ns)
