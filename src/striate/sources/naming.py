"""Names of files and folders: sorted, shortened, shown, and the splits that they mean."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# What systems leave in folders, in lower case: Windows its thumbnails and bins, macOS a folder in zips and icons, a
# Synology thumbnails, Linux a folder in the root of a disk.
OF_SYSTEMS = {
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "$recycle.bin",
    "system volume information",
    "__macosx",
    "icon\r",
    "@eadir",
    "#recycle",
    "lost+found",
}
NAMES_SHOWN = 3

# The folder names that mean a split, in lower case.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
# Where one word of a name ends and the next begins: train_images, trainLabels, Training-Set2.
BETWEEN_WORDS = re.compile(r"[\W_\d]+|(?<=[a-z])(?=[A-Z])")


def is_hidden(name: str) -> bool:
    """Say whether a file or folder is no part of a data set by its name: a hidden one, or a system's own."""
    return name.startswith(".") or name.lower() in OF_SYSTEMS


def some(names: list[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Return a sort key by which '2' comes before '10'; names of one number, such as '1' and '01', go by their text."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], name


def split_in(name: str) -> str:
    """Return the split that a word of a name means, such as train for train_images, or nothing."""
    words = (word.lower() for word in BETWEEN_WORDS.split(name))
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), "")


def printable(name: str) -> str:
    """Return a name with its bytes that are not UTF-8 written out, so that it can be shown and stored."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def composed(files: Sequence[str]) -> list[str]:
    """Return files in NFC, so that a copy on another system has the same names; as they are where two would be one."""
    names = [printable(unicodedata.normalize("NFC", file)) for file in files]
    often = Counter(names)
    return [name if often[name] == 1 else printable(file) for name, file in zip(names, files, strict=True)]
