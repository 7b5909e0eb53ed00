"""Files and folders written under a temporary name and then renamed into place, so that none is ever half written.

A folder is written in this order: files, each with fsync, read back and compared; manifest; fsync of the folder;
removal of the old folder; rename; fsync of the parent. A crash leaves the old file or the new one. A crash while an old
folder is being removed may leave only part of it, which `read_folder` refuses; the new one then lies complete beside
it, with the suffix .tmp.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from striate.errors import DataError, StorageError

MANIFEST = "manifest.json"
# Bytes to leave free on the disk, for the metrics and the report.
SPARE_BYTES = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_file(path: Path, content: bytes) -> None:
    """Write a file, replacing what is there in one atomic rename."""
    with writing(path) as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which takes the place of `path` in one atomic rename once it is closed and on the disk.

    Where the work inside raises, `path` stays as it was. Any number of processes may write one path: each has a file
    of its own until then, and the last one stays.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}-{token_hex(4)}.tmp")
    try:
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files, by their paths in it, and a manifest of their SHA-256, replacing what is there.

    Raises OSError where there is too little room, a write fails, or a file reads back differently.
    """
    aside = path.with_name(path.name + ".tmp")
    _remove(aside)
    _check_room(path.parent, sum(map(len, files.values())))
    aside.mkdir()
    try:
        for name, content in files.items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            _write(aside / name, content)
            if (aside / name).read_bytes() != content:
                raise OSError(errno.EIO, "read back differently from what was written", str(aside / name))
        manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        _write(aside / MANIFEST, json.dumps(manifest, indent=2).encode())
        sync(aside)
        _remove(path)
        os.rename(aside, path)
        sync(path.parent)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def read_folder(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """Return the files `names` of a folder; raises DataError where one is missing or is not what the manifest says."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in names}
    except (OSError, ValueError) as error:
        reason = (
            f"{Path(error.filename).name}: {error.strerror}" if isinstance(error, OSError) else str(error)
        )
        raise DataError(f"{path}: not whole ({reason}).") from error
    if not isinstance(manifest, dict) or manifest.keys() != set(names):
        raise DataError(f"{path / MANIFEST}: does not list {', '.join(names)}.")
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != manifest[name]:
            raise DataError(f"{path / name}: changed since it was written (SHA-256 differs).")
    return files


def sync(folder: Path) -> None:
    """Flush a folder's entries to the disk (fsync)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(path: Path, then: str) -> Iterator[None]:
    """Turn an OSError into a StorageError that says what failed and, by `then`, what to do about it."""
    try:
        yield
    except OSError as error:
        first = "Free some space, then" if error.errno in FULL else "When it can be written again,"
        raise StorageError(f"{path}: cannot be written ({error.strerror}). {first} {then}") from error


def _write(path: Path, content: bytes) -> None:
    """Write a file and flush it to the disk (fsync)."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove(folder: Path) -> None:
    """Remove a folder if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def _check_room(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed + SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
