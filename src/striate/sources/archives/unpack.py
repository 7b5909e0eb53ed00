"""Archives unpacked into the cache folder: once, whole or not at all, and nothing outside it."""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from striate.errors import DataError, StorageError
from striate.host.cache import cache_folder
from striate.progress import Progress
from striate.sources.archives.archive import Archive, ArchiveEntry, open_archive, shown
from striate.sources.naming import is_hidden
from striate.units import rough_bytes

# An archive that grows more than so many times holds no pictures, but may be meant to fill a disk. What stays below
# the size that is always allowed may be blank.
MOST_GROWTH = 100
ALWAYS_ALLOWED = 1 << 30
MOST_ENTRIES = 5_000_000
# Room left on the disk, and how many bytes are written before it is looked at again.
SPARE_BYTES = 64 << 20
LOOKED_AT_EVERY = 64 << 20
ADVICE = "Free some space, or put the cache elsewhere: STRIATE_CACHE=FOLDER"
TRUSTED = "Unpack it yourself if you trust it, and give the folder."
# What a cached archive is: a folder of what was in it, and the note that reading it gave.
DATA, NOTE = "data", "note.txt"


@dataclass(frozen=True)
class Unpacked:
    """An archive in the cache: the folder its data set begins in, and what a user may not expect of it."""

    folder: Path
    notes: tuple[str, ...]


def unpack(path: Path, progress: Progress) -> Unpacked:
    """Unpack an archive into the cache, if it is not there, and return where its data set begins.

    A single folder that holds all the rest is gone into. Raises DataError for an archive that is damaged or not to be
    trusted, StorageError where it does not fit; neither leaves anything behind.
    """
    folder = cache_folder() / "archives" / _key(path)
    with _storage_errors():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(folder.name + ".lock")):
            if not folder.exists():
                _unpack_aside(path, folder, progress)
            os.utime(folder)  # the cache may forget first what was used longest ago
        note = (folder / NOTE).read_text(encoding="utf-8")
    return Unpacked(_descend(folder / DATA), (note,) if note else ())


def _key(path: Path) -> str:
    """Return a folder name that is another one once the archive has changed; raises DataError if it cannot be read."""
    try:
        stat = path.stat()
        with path.open("rb") as file:
            # The end of a zip lists all that is in it: a guard against a copy that keeps size and date.
            file.seek(-min(stat.st_size, 1 << 16), os.SEEK_END)
            end = file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    facts = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(facts + end, digest_size=16).hexdigest()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process unpacks the same archive; the lock goes with the process."""
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack_aside(path: Path, folder: Path, progress: Progress) -> None:
    """Unpack beside the place it belongs, and rename when the disk has it all."""
    aside = folder.with_name(folder.name + ".part")
    _remove(aside)  # of a process that was killed
    try:
        with open_archive(path) as archive:
            (aside / DATA).mkdir(parents=True, mode=0o700)
            progress.begin(f"unpacking {path.name}", path.stat().st_size >> 20, unit="MB")
            _Unpacking(path, aside / DATA, progress).write(archive)
            progress.end()
            (aside / NOTE).write_text(archive.note, encoding="utf-8")
        os.sync()  # waiting for every file by itself would take minutes
        aside.rename(folder)
    finally:
        _remove(aside)


class _Unpacking:
    """What has been written so far, and the limits it must keep."""

    def __init__(self, path: Path, target: Path, progress: Progress) -> None:
        self._target, self._progress = target, progress
        self._changed = path.stat().st_mtime_ns
        self._most = max(MOST_GROWTH * path.stat().st_size, ALWAYS_ALLOWED)
        self._written = self._looked = self._told = 0

    def write(self, archive: Archive) -> None:
        """Write all entries; raises DataError or StorageError."""
        self._refuse_growth(archive.declared)
        self._refuse_full(archive.declared)
        for count, entry in enumerate(archive.entries, 1):
            if count > MOST_ENTRIES:
                raise DataError(f"holds more than {MOST_ENTRIES:,} files. {TRUSTED}")
            self._refuse_growth(self._written + entry.size)
            if entry.is_folder:
                with _writing(entry):
                    (self._target / entry.name).mkdir(parents=True, exist_ok=True)
            else:
                self._write_file(entry)
            self._progress.advance((entry.passed >> 20) - self._told)
            self._told = entry.passed >> 20

    def _write_file(self, entry: ArchiveEntry) -> None:
        with _writing(entry):
            file = self._created(entry)
        try:
            for chunk in entry.chunks():
                self._written += len(chunk)
                self._refuse_growth(self._written)
                if self._written - self._looked > LOOKED_AT_EVERY:
                    self._looked = self._written
                    self._refuse_full(0)
                with _writing(entry):
                    file.write(chunk)
            with _writing(entry):
                file.flush()
                # So that a picture unpacked again still has the stamp it had.
                os.utime(file.fileno(), ns=(self._changed, self._changed))
        finally:
            with _writing(entry):
                file.close()

    def _created(self, entry: ArchiveEntry) -> IO[bytes]:
        path = self._target / entry.name
        try:
            return path.open("xb")
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")

    def _refuse_growth(self, size: int) -> None:
        if size > self._most:
            raise DataError(
                f"unpacks to more than {rough_bytes(self._most)}, {MOST_GROWTH} times its size, as pictures do not. "
                f"{TRUSTED}"
            )

    def _refuse_full(self, needed: int) -> None:
        free = shutil.disk_usage(self._target).free
        if needed + SPARE_BYTES > free:
            raise StorageError(
                f"{cache_folder()}: {rough_bytes(free)} free, too little to unpack "
                f"{rough_bytes(needed) if needed else 'the archive'}. {ADVICE}"
            )


@contextmanager
def _writing(entry: ArchiveEntry) -> Iterator[None]:
    """Turn what the disk says against one entry into an error about the entry, where it is to blame, or the disk."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DataError(
            f"{shown(entry.name)} is in it twice. Pack it anew, with one file of each name."
        ) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise DataError(
                f"{shown(entry.name)} is a longer name than a file may have here. Pack it anew with shorter names."
            ) from error
        raise _full(error) from error


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Turn what is left of the disk's errors into a StorageError."""
    try:
        yield
    except OSError as error:
        raise _full(error) from error


def _full(error: OSError) -> StorageError:
    return StorageError(f"{cache_folder()}: cannot be written ({error.strerror}). {ADVICE}")


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _descend(folder: Path) -> Path:
    """Return the first folder that holds more than one other, not counting what is hidden."""
    while True:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not is_hidden(entry.name)]
        if len(entries) != 1 or not entries[0].is_dir():
            return folder
        folder = folder / entries[0].name
