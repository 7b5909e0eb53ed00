"""Folders of pictures: one folder a class, flat or below train/, val/ and test/."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from striate.errors import DataError
from striate.sources.folders.files import file_pictures
from striate.sources.folders.walk import Walk
from striate.sources.naming import SPLIT_NAMES, composed, natural, printable, some, split_in
from striate.sources.source import Pictures, Source
from striate.sources.targets.one_class import refuse_unlearned

WANTED = (
    "Wanted: one folder a class, with JPEG or PNG files in each, or the same below train/, val/ and test/."
)

# Split -> class name -> files below the root.
FoundClasses = Mapping[str, Mapping[str, Sequence[str]]]


def recognise_folder(root: Path) -> str:
    """Return 'it is a folder of folders' for any folder, since it is not listed yet, and '' for anything else."""
    return "it is a folder of folders" if root.is_dir() else ""


def open_folder(root: Path) -> Source:
    """List a folder of class folders without opening a picture.

    Raises DataError where no class folder has a picture to learn from, train/ lacks a class of another split, two
    folders mean one split, or a link leads back to a folder it is in.
    """
    walk = Walk(root)
    splits = _split_folders(walk)
    found = {split: _by_class(walk, folder) for split, folder in splits.items()}
    learned = "train" if "train" in found else "all"
    loose = {file for folder in ("", *splits.values()) for file in walk.pictures_in(folder)}
    if learned == "train":
        refuse_unlearned(root, found, mark="/", wanted="Every class must have a folder in train/.")
    _refuse_too_little(walk, splits[learned], found[learned])
    classes = tuple(sorted(found[learned], key=natural))
    notes = [printable(note) for note in (*walk.notes(), *_notes(walk, splits, found, sorted(loose)))]
    kept = {split: by_class for split, by_class in found.items() if any(by_class.values())}
    if set(kept) == {"train"}:
        notes.append("there is only train/: what is held out is taken from it")
        kept = {"all": kept["train"]}
    pictures = {split: _folder_pictures(root, classes, by_class) for split, by_class in kept.items()}
    return Source(root, "class folders", tuple(printable(name) for name in classes), pictures, notes)


def _split_folders(walk: Walk) -> dict[str, str]:
    """Return split -> its folder below the root, or {'all': ''} where the class folders are in the root itself."""
    folders = walk.folders("")
    splits: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        if folder.lower() in SPLIT_NAMES:
            splits[SPLIT_NAMES[folder.lower()]].append(folder)
    if "train" not in splits and (worded := _worded_splits(walk, folders)):
        return worded
    if "train" not in splits or (len(splits) == 1 and (len(folders) > 1 or not walk.folders(folders[0]))):
        return {"all": ""}
    for split, names in splits.items():
        if len(names) > 1:
            raise DataError(f"{walk.root}: {names[0]}/ and {names[1]}/ both mean {split}. Keep one of them.")
    return {split: names[0] for split, names in splits.items()}


def _worded_splits(walk: Walk, folders: Sequence[str]) -> dict[str, str]:
    """Return split -> its folder by a word in the folder's name, such as seg_train, or {}.

    Since classes may have such names too, there must be a train, and every folder that holds class folders must name a
    split of its own.
    """
    if "train" not in map(split_in, folders):
        return {}
    homes = {folder: _home(walk, folder) for folder in folders}
    bearing = [folder for folder in folders if len(walk.folders(homes[folder])) > 1]
    splits = {split_in(folder): homes[folder] for folder in bearing}
    return splits if len(splits) == len(bearing) > 1 and "train" in splits and "" not in splits else {}


def _home(walk: Walk, folder: str) -> str:
    """Return a folder, or the only folder in it if that has the same name, as in seg_train/seg_train."""
    inside = walk.folders(folder)
    return f"{folder}/{folder}" if inside == [folder] else folder


def _by_class(walk: Walk, folder: str) -> dict[str, list[str]]:
    """Return class name -> picture files below the root.

    Class names are compared in NFC, so that one class written in two Unicode forms is one class; file names keep the
    form the disk has.
    """
    by_class: dict[str, list[str]] = defaultdict(list)
    for name in walk.folders(folder):
        files = walk.pictures_below(f"{folder}/{name}" if folder else name)
        by_class[unicodedata.normalize("NFC", name)] += files
    return dict(by_class)


def _refuse_too_little(walk: Walk, folder: str, by_class: Mapping[str, Sequence[str]]) -> None:
    """Raise DataError where no class folder has a picture."""
    place = walk.root / folder
    full = [name for name, files in by_class.items() if files]
    if not full and (loose := walk.pictures_in(folder)):
        raise DataError(f"{place}: {len(loose)} pictures, but none in a class folder. {WANTED}")
    if not full:
        raise DataError(f"{place}: no pictures in it. {WANTED}")


def _notes(walk: Walk, splits: Mapping[str, str], found: FoundClasses, loose: list[str]) -> list[str]:
    """Return notes to the user on what was left out, and on splits that were inferred."""
    notes = []
    notes += [
        f"{folder}/ is {split}, by a word of its name"
        for split, folder in splits.items()
        if folder and folder.lower() not in SPLIT_NAMES
    ]
    used = {folder.partition("/")[0] for folder in splits.values()}
    if "all" not in splits and (others := sorted(set(walk.folders("")) - used)):
        notes.append(f"left out as neither train/, val/ nor test/: {some(others)}")
    if loose:
        notes.append(f"left out as in no class folder: {some(loose)}")
    for split, by_class in found.items():
        if not any(by_class.values()):
            notes.append(f"{splits[split]}/ has no pictures in class folders")
        elif split in ("train", "all"):
            notes += [
                f"class '{name}' has no pictures to learn from" for name in by_class if not by_class[name]
            ]
    return notes


def _folder_pictures(root: Path, classes: Sequence[str], by_class: Mapping[str, Sequence[str]]) -> Pictures:
    """Return the pictures of one split, sorted by class."""
    files = [file for name in classes for file in by_class.get(name, [])]
    counts = [len(by_class.get(name, [])) for name in classes]
    return file_pictures(root, files, composed(files), np.repeat(np.arange(len(classes)), counts))
