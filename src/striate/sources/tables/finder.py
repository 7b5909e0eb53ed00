"""Finding the files that a table names, in spite of other slashes, Unicode forms, letter cases or missing suffixes."""

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from striate.pictures.kind import is_picture
from striate.sources.folders.walk import first_names
from striate.sources.naming import is_hidden, split_in

# Paths of a table that are tried in each folder to find out which folders its paths start from.
TRIED = 64
# How absolute paths begin, on Linux and on Windows.
ABSOLUTE = re.compile("/|[A-Za-z]:/")
# A root of at most so many candidate folders is searched one level deeper.
FEW = 100
# Usual names of folders of pictures.
PICTURES = {
    "images",
    "image",
    "imgs",
    "img",
    "pictures",
    "photos",
    "jpg",
    "jpeg",
    "jpegs",
    "png",
    "pngs",
    "사진",
    "이미지",
}


class Root(NamedTuple):
    """A folder that a table's paths may start from, and its rank: 0 for the root, then 1 (likeliest) to 4."""

    folder: str
    rank: int


class Shelf:
    """The names in one folder, as the disk spells them, with lookup by other spellings."""

    def __init__(self, folder: Path) -> None:
        self.names = frozenset(first_names(folder))

    def find(self, name: str) -> str | None:
        """Return the name on disk for a name in another Unicode form or case or without suffix, None if ambiguous."""
        if name in self.names:
            return name
        if found := self._composed.get(unicodedata.normalize("NFC", name)):
            return found
        if len(alike := self._folded.get(unicodedata.normalize("NFC", name).casefold(), ())) == 1:
            return alike[0]
        return None if is_picture(name) else self._stem(name)

    @cached_property
    def _composed(self) -> Mapping[str, str]:
        return {unicodedata.normalize("NFC", name): name for name in sorted(self.names)}

    @cached_property
    def _folded(self) -> Mapping[str, Sequence[str]]:
        folded = defaultdict(list)
        for composed, name in self._composed.items():
            folded[composed.casefold()].append(name)
        return folded

    @cached_property
    def _stems(self) -> Mapping[str, Sequence[str]]:
        stems = defaultdict(list)
        for composed, name in self._composed.items():
            stem, _ = posixpath.splitext(composed)
            if is_picture(name):
                stems[stem].append(name)
        return stems

    def _stem(self, name: str) -> str | None:
        found = self._stems.get(unicodedata.normalize("NFC", name), ())
        return found[0] if len(found) == 1 else None


class Finder:
    """Finds files by paths below a root; lists each folder once, since checking each file by itself is far slower."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._shelves: dict[str, Shelf] = {}
        self._folders: dict[str, str | None] = {}
        self._names = {root.name, root.resolve().name}
        # A note on paths that were found by their last parts alone, or ''.
        self.moved = ""
        self._roots = tuple(f"{path.as_posix()}/" for path in (root.absolute(), root.resolve()))

    def find(self, path: str) -> str | None:
        """Return a path as the disk spells it, relative to the root if it is below it; None if the file is missing."""
        found = self._find(self.spelled(path))
        if found is None and "\\" in path:
            # A backslash may be part of a name on Linux, so it is replaced only if the path as written does not exist.
            path = path.replace("\\", "/")
            found = self._find(self.spelled(path))
        return self._elsewhere(self.spelled(path)) if found is None else found

    def _elsewhere(self, path: str) -> str | None:
        """Find a path of another machine, or one that begins with the root's name, by its longest end that exists."""
        parts = path.split("/")
        ends = range(1, len(parts)) if ABSOLUTE.match(path) else range(1, 1 + (parts[0] in self._names))
        found = next((file for i in ends if (file := self._find("/".join(parts[i:]))) is not None), None)
        if found is not None and not self.moved:
            self.moved = f"paths that lead elsewhere are taken by their ends, such as {path} for {found}"
        return found

    def spelled(self, path: str) -> str:
        """Return a normalised path: without './' and 'x/..', and relative to the root if it is below it."""
        plain = posixpath.normpath(path)
        if plain.startswith("/"):
            return next((plain[len(r) :] for r in self._roots if plain.startswith(r)), plain)
        return plain

    def starts(self, paths: Sequence[str], *, split: str) -> list[Root]:
        """Return the folders that paths may start from, the likeliest first: the root (''), then folders in it.

        Only folders that hold at least one of a sample of the paths are returned: the root alone if it holds all of
        them or no folder holds any, folders one level deeper if only those hold some. Folders named
        for `split` go before those with usual names for pictures, then come any others, and last those named for other
        splits.
        """
        some = _some(paths)
        if all(self.find(path) for path in some):
            return [Root("", 0)]
        folders = [Root("", 0), *(Root(name, _rank(name, split)) for name in self._below(""))]
        found = self._holding(folders, some)
        if not found and len(folders) <= FEW:
            deeper = (f"{above.folder}/{name}" for above in folders[1:] for name in self._below(above.folder))
            found = self._holding([Root(name, _rank(name, split)) for name in deeper], some)
        return sorted(found, key=lambda start: start.rank) or [Root("", 0)]

    def holds(self, paths: Sequence[str], starts: Sequence[Root]) -> bool:
        """Say whether most of a sample of the paths are found from these folders."""
        found = [
            any(self.find(posixpath.join(start.folder, path)) for start in starts) for path in _some(paths)
        ]
        return 2 * sum(found) > len(found)

    def _holding(self, folders: Sequence[Root], paths: Sequence[str]) -> list[Root]:
        """Return the folders from which at least one of the paths is found."""
        return [
            start for start in folders if any(self.find(posixpath.join(start.folder, path)) for path in paths)
        ]

    def _below(self, folder: str) -> list[str]:
        """Return the names of the visible folders in a folder, sorted."""
        names = [name for name in sorted(self._shelf(folder).names) if not is_hidden(name)]
        return [name for name in names if not is_picture(name) and (self.root / folder / name).is_dir()]

    def _find(self, path: str) -> str | None:
        folder, name = posixpath.split(path)
        if (found := self._folder(folder)) is None or (file := self._shelf(found).find(name)) is None:
            return None
        return f"{found}/{file}" if found else file

    def _shelf(self, folder: str) -> Shelf:
        if folder not in self._shelves:
            self._shelves[folder] = Shelf(self.root / folder)
        return self._shelves[folder]

    def _folder(self, folder: str) -> str | None:
        """Return a folder's path as the disk spells it, or None where there is no such folder."""
        if folder not in self._folders:
            self._folders[folder] = folder if (self.root / folder).is_dir() else self._composed_folder(folder)
        return self._folders[folder]

    def _composed_folder(self, folder: str) -> str | None:
        above, name = posixpath.split(folder)
        if (
            not name
            or (parent := self._folder(above)) is None
            or (found := self._shelf(parent).find(name)) is None
        ):
            return None
        return posixpath.join(parent, found)


def _some(paths: Sequence[str]) -> list[str]:
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(TRIED, len(paths))).astype(int))
    return [paths[index] for index in chosen]


def _rank(folder: str, split: str) -> int:
    """Return how likely a folder is to hold the pictures of a split, from 1 (likeliest) to 4."""
    name = posixpath.basename(folder)
    if found := split_in(name):
        return 1 if found == split else 4
    return 2 if name.lower() in PICTURES else 3
