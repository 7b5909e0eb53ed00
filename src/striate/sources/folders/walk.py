"""Listing the picture files below a root, and counting the files that are left out."""

import os
from collections import Counter
from itertools import islice
from pathlib import Path

from striate.errors import DataError
from striate.pictures.kind import ENDINGS
from striate.sources.naming import is_hidden, some

KINDS_SHOWN = 8


class Walk:
    """Lists folders and pictures as paths below a root, with slashes, and records what it leaves out; opens no file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._hidden: set[str] = set()
        self._others: dict[str, Counter[str]] = {}  # folder -> ending -> files

    def folders(self, folder: str) -> list[str]:
        """Return the names of the visible folders inside a folder."""
        return [entry.name for entry in self._entries(folder) if self._is_folder(entry, folder)]

    def pictures_in(self, folder: str) -> list[str]:
        """Return the pictures directly in a folder, and count its other files."""
        return self._listed(folder)[0]

    def pictures_below(self, folder: str) -> list[str]:
        """Return the pictures in a folder and its sub-folders; a folder reached twice through links is listed once."""
        pictures: list[str] = []
        seen: set[str] = set()
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            if (real := os.path.realpath(self.root / here)) in seen:
                continue
            seen.add(real)
            found, deeper = self._listed(here)
            pictures += found
            waiting += reversed(deeper)
        return pictures

    def notes(self) -> list[str]:
        """Return notes on what was left out so far."""
        notes = []
        if self._hidden:
            notes.append(f"left out as hidden: {some(sorted(self._hidden))}")
        if self._others:
            others = sum(self._others.values(), Counter[str]())
            kinds = ", ".join(f"{kind} {count}" for kind, count in others.most_common(KINDS_SHOWN))
            more = f" and {len(others) - KINDS_SHOWN} more kinds" if len(others) > KINDS_SHOWN else ""
            notes.append(f"left out as no pictures by their names: {others.total()} ({kinds}{more})")
        return notes

    def _listed(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the pictures and folders directly in a folder; its other files are counted once if listed again."""
        pictures, folders, others = [], [], Counter[str]()
        for entry in self._entries(folder):
            name = _join(folder, entry.name)
            if self._is_folder(entry, folder):
                folders.append(name)
            elif _is_picture(entry):
                pictures.append(name)
            else:
                others[os.path.splitext(name)[1].lower() or "no file"] += 1
        if others:
            self._others[folder] = others
        return pictures, folders

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """Return the visible entries of a folder, sorted by name."""
        try:
            with os.scandir(self.root / folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"{self.root / folder}: cannot be listed ({error.strerror}).") from error
        self._hidden |= {_join(folder, e.name) for e in entries if is_hidden(e.name)}
        return [entry for entry in entries if not is_hidden(entry.name)]

    def _is_folder(self, entry: os.DirEntry[str], folder: str) -> bool:
        """Say whether an entry is a folder or a link to one; raises DataError for a link to a folder it is in."""
        try:
            if not entry.is_dir():
                return False
        except OSError:  # a link to itself: reading it as a picture will give the reason
            return False
        if entry.is_symlink():
            here, there = os.path.realpath(self.root / folder), os.path.realpath(entry.path)
            if os.path.commonpath([here, there]) == there:
                raise DataError(
                    f"{entry.path}: a link that leads back to a folder it is in, and so has no end. Remove the link."
                )
        return True


def has_folders(root: Path) -> bool:
    """Say whether a root holds two or more visible folders, as one with class folders does."""
    return len(folders_in(root, most=2)) > 1


def folders_in(root: Path, *, most: int) -> list[Path]:
    """Return at most `most` of the visible folders in a root, in no order; none where it cannot be listed."""
    try:
        with os.scandir(root) as entries:
            visible = (entry for entry in entries if not is_hidden(entry.name))
            # isdir() for links, since is_dir() raises OSError for a link to itself.
            folders = (e.path for e in visible if (os.path.isdir(e.path) if e.is_symlink() else e.is_dir()))
            return list(map(Path, islice(folders, most)))
    except OSError:
        return []


def files_ending(folder: Path, *suffixes: str) -> list[Path]:
    """Return the visible files in a folder whose names end with a suffix, in any case, sorted by name."""
    names = [name for name in first_names(folder) if name.lower().endswith(suffixes)]
    return [path for name in sorted(names) if not is_hidden(name) and (path := folder / name).is_file()]


def first_names(folder: Path, most: int | None = None) -> list[str]:
    """Return at most `most` names in a folder, in no order; none where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, most)]
    except OSError:
        return []


def _is_picture(entry: os.DirEntry[str]) -> bool:
    """Say whether a file's ending is that of a picture; a dead link counts, so that it is reported as unreadable."""
    named = os.path.splitext(entry.name)[1].lower() in ENDINGS
    return named and (entry.is_symlink() or entry.is_file(follow_symlinks=False))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
