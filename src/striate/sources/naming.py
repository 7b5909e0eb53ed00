"""Names of files and folders: how they are sorted, shortened and displayed, and which split they mean."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# Files and folders that operating systems create, in lower case: thumbnails, settings and recycle bins of Windows,
# resource forks and folder icons of macOS, thumbnails and recycle bins of Synology, lost+found of Linux.
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

# What the splits of a data set are called, in the order in which they are told; 'all' is yet to be divided.
SPLITS = ("train", "val", "test", "all")
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
    """Say whether a file or folder is to be ignored for its name: it is hidden, or an operating system made it."""
    return name.startswith(".") or name.lower() in OF_SYSTEMS


def some(names: list[str]) -> str:
    """Return the first three names joined by commas, and how many more there are."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Return a sort key by which '2' comes before '10'; numbers that are equal, as '1' and '01', are sorted as text."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], name


def split_in(name: str) -> str:
    """Return the split that a word of a name means, such as train for train_images, or ''."""
    words = (word.lower() for word in BETWEEN_WORDS.split(name))
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), "")


def printable(name: str) -> str:
    """Return a name with bytes that are not UTF-8 escaped with backslashes, so that it can be displayed and stored."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def composed(files: Sequence[str]) -> list[str]:
    """Return file names in NFC, the same on every system; two that NFC would make equal keep the form they have."""
    names = [printable(unicodedata.normalize("NFC", file)) for file in files]
    often = Counter(names)
    return [name if often[name] == 1 else printable(file) for name, file in zip(names, files, strict=True)]
