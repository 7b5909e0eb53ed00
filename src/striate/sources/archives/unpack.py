"""Unpacking archives into the cache folder: once, completely or not at all, and never outside it."""

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

# An archive that unpacks to more than MOST_GROWTH times its size is refused as a possible decompression bomb, unless it
# stays below ALWAYS_ALLOWED bytes: pictures of one colour compress that well.
MOST_GROWTH = 100
ALWAYS_ALLOWED = 1 << 30
MOST_ENTRIES = 5_000_000
# Bytes that stay free on the disk, and how many are written before free space is checked again.
SPARE_BYTES = 64 << 20
LOOKED_AT_EVERY = 64 << 20
ADVICE = "Free some space, or put the cache elsewhere: STRIATE_CACHE=FOLDER"
TRUSTED = "Unpack it yourself if you trust it, and give the folder."
# An unpacked archive in the cache: a folder with its content, and a file with the note on how it was read.
DATA, NOTE = "data", "note.txt"


@dataclass(frozen=True)
class Unpacked:
    """An archive in the cache: the folder that its data set is in, and notes to the user on how it was read."""

    folder: Path
    notes: tuple[str, ...]


def unpack(path: Path, progress: Progress) -> Unpacked:
    """Unpack an archive into the cache, if it is not there yet, and return the folder of its data set.

    A single folder that holds everything else is descended into. Raises DataError for an archive that is damaged or
    unsafe, StorageError where it does not fit; in both cases nothing is left behind.
    """
    folder = cache_folder() / "archives" / _key(path)
    with _storage_errors():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(folder.name + ".lock")):
            if not folder.exists():
                _unpack_aside(path, folder, progress)
            os.utime(folder)  # records when it was last used
        note = (folder / NOTE).read_text(encoding="utf-8")
    return Unpacked(_descend(folder / DATA), (note,) if note else ())


def _key(path: Path) -> str:
    """Return a hash of an archive's path, size, modification time and last 64 KiB; raises DataError if unreadable."""
    try:
        stat = path.stat()
        with path.open("rb") as file:
            # The end of a zip is its list of entries, which tells apart two archives of the same size and date.
            file.seek(-min(stat.st_size, 1 << 16), os.SEEK_END)
            end = file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    facts = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(facts + end, digest_size=16).hexdigest()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a file lock, so that one process at a time unpacks an archive; it is released when the process ends."""
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack_aside(path: Path, folder: Path, progress: Progress) -> None:
    """Unpack into a temporary folder, which is renamed once all of it is on the disk."""
    aside = folder.with_name(folder.name + ".part")
    _remove(aside)  # left by a process that was killed
    try:
        with open_archive(path) as archive:
            (aside / DATA).mkdir(parents=True, mode=0o700)
            progress.begin(f"unpacking {path.name}", path.stat().st_size >> 20, unit="MB")
            _Unpacking(path, aside / DATA, progress).write(archive)
            progress.end()
            (aside / NOTE).write_text(archive.note, encoding="utf-8")
        os.sync()  # an fsync for every file would take minutes
        aside.rename(folder)
    finally:
        _remove(aside)


class _Unpacking:
    """Writes an archive's entries below a folder, and enforces the limits on size and free space."""

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
                # The archive's time, so that a picture keeps its stamp when the archive is unpacked again.
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
    """Turn an OSError into a DataError if the entry is at fault (a name twice or too long), else a StorageError."""
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
    """Turn any OSError into a StorageError."""
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
    """Descend while a folder holds nothing but one folder, hidden names aside, and return where that ends."""
    while True:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not is_hidden(entry.name)]
        if len(entries) != 1 or not entries[0].is_dir():
            return folder
        folder = folder / entries[0].name
