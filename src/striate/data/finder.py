"""Finding the files a table names: whatever slashes, Unicode form or missing suffix it writes them with."""

import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from striate.data.walk import first_names, is_hidden, is_picture

# Rows that are looked up in each folder to find the one that a table's paths start from.
TRIED = 64


class Shelf:
    """The names in one folder, as the disk has them."""

    def __init__(self, folder: Path) -> None:
        self.names = frozenset(first_names(folder))

    def find(self, name: str) -> str | None:
        """Return the name on disk for a name in any Unicode form, or without its suffix where only one fits."""
        if name in self.names:
            return name
        if found := self._composed.get(unicodedata.normalize("NFC", name)):
            return found
        return None if is_picture(name) else self._stem(name)

    @cached_property
    def _composed(self) -> Mapping[str, str]:
        return {unicodedata.normalize("NFC", name): name for name in sorted(self.names)}

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
    """Finds files by paths below a root; each folder is listed once, since asking for each file is far slower."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._shelves: dict[str, Shelf] = {}
        self._folders: dict[str, str | None] = {}
        self._roots = tuple(f"{path.as_posix()}/" for path in (root.absolute(), root.resolve()))

    def find(self, path: str) -> str | None:
        """Return a path as the disk has it, below the root where it lies there, or None where there is no such file."""
        found = self._find(self.spelled(path))
        # A backslash may also be part of a name here, so it is taken for a slash only afterwards.
        return self._find(self.spelled(path.replace("\\", "/"))) if found is None and "\\" in path else found

    def spelled(self, path: str) -> str:
        """Return a path in one way of writing it: without './' and 'x/..', and below the root where it lies there."""
        plain = posixpath.normpath(path)
        if plain.startswith("/"):
            return next((plain[len(r) :] for r in self._roots if plain.startswith(r)), plain)
        return plain

    def start(self, paths: Sequence[str], *, split: str) -> str:
        """Return the folder the paths start from: the root ('') or one in it, where most of some paths are found.

        Of several the root goes first, then folders that begin with the split's name.
        """
        chosen = np.unique(np.linspace(0, len(paths) - 1, min(TRIED, len(paths))).astype(int))
        some = [paths[index] for index in chosen]
        best, most = "", 0
        for folder in self._starts(split):
            found = sum(self.find(posixpath.join(folder, path)) is not None for path in some)
            if found > most:
                best, most = folder, found
            if most == len(some):
                break
        return best

    def _find(self, path: str) -> str | None:
        folder, name = posixpath.split(path)
        if (found := self._folder(folder)) is None or (file := self._shelf(found).find(name)) is None:
            return None
        return f"{found}/{file}" if found else file

    def _starts(self, split: str) -> Iterator[str]:
        yield ""
        names = [name for name in sorted(self._shelf("").names) if not is_hidden(name)]
        folders = [name for name in names if not is_picture(name) and (self.root / name).is_dir()]
        yield from sorted(folders, key=lambda name: not name.lower().startswith(split))

    def _shelf(self, folder: str) -> Shelf:
        if folder not in self._shelves:
            self._shelves[folder] = Shelf(self.root / folder)
        return self._shelves[folder]

    def _folder(self, folder: str) -> str | None:
        """Return a folder as the disk has it, or None where there is no such folder."""
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
