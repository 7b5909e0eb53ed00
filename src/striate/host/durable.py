"""Files that are whole or not there: written aside, read back, and only then renamed into place.

The order of the writes is: files, fsync, read back and compare, manifest, fsync of the folder, rename, fsync of the
parent. A crash at any moment leaves what was there before, or what was to come, never a mixture.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from striate.errors import DataError, StorageError

MANIFEST = "manifest.json"
# Room left on the disk beyond what is written, for the metrics and the report.
SPARE_BYTES = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_file(path: Path, content: bytes) -> None:
    """Replace a file by another content in one step."""
    aside = path.with_name(path.name + ".tmp")
    _write(aside, content)
    os.replace(aside, path)
    sync(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files, by their paths in it, and a manifest of their SHA-256, in place of what is there."""
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
    """Wait until the disk has a folder's entries."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(path: Path, then: str) -> Iterator[None]:
    """Turn a failing disk into a StorageError that says what failed and what to do `then`."""
    try:
        yield
    except OSError as error:
        first = "Free some space, then" if error.errno in FULL else "When it can be written again,"
        raise StorageError(f"{path}: cannot be written ({error.strerror}). {first} {then}") from error


def _write(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
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
