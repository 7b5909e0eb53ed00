"""Checkpoints that are whole or not there: written aside, read back, then renamed into place.

checkpoints/<step>/ holds model.safetensors, optimizer.safetensors, state.json and manifest.json, which has the
SHA-256 of each; `latest` names the newest. The order of the writes is: files, fsync, read back and compare,
manifest, fsync of the folder, rename, fsync of the parent, `latest`.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from striate.errors import DataError, StorageError

Tensors = Mapping[str, Tensor]
KEEP = 2
# Room left on the disk beyond what a checkpoint takes, for the metrics and the report.
SPARE_BYTES = 1 << 20


class Checkpoint:
    """What a run is continued from: tensors of the model and the optimizer, and the loop's own numbers."""

    def __init__(self, *, model: Tensors, optimizer: Tensors, state: Mapping[str, Any]) -> None:
        self.model = model
        self.optimizer = optimizer
        self.state = state


def save_checkpoint(folder: Path, step: int, checkpoint: Checkpoint) -> None:
    """Write a checkpoint below `folder` and drop all but the newest KEEP.

    Raises StorageError where there is no room or the disk fails; the checkpoints before it stay whole.
    """
    files = {
        "model.safetensors": tensors_to_bytes(_contiguous(checkpoint.model)),
        "optimizer.safetensors": tensors_to_bytes(_contiguous(checkpoint.optimizer)),
        "state.json": json.dumps(checkpoint.state).encode(),
    }
    name = f"{step:010d}"
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_folder(folder / name, files)
        write_file(folder / "latest.tmp", name.encode())
        os.replace(folder / "latest.tmp", folder / "latest")
        sync(folder)
    _prune(folder)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest whole checkpoint below `folder`, or None where there is none.

    A damaged one is passed over for the one before it; raises DataError where all are damaged.
    """
    found = sorted((p for p in folder.glob("*") if p.name.isdecimal()), reverse=True)
    problems = []
    for path in found:
        try:
            return read_checkpoint(path)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError(f"{folder}: no whole checkpoint. {' '.join(problems)}")
    return None


def read_checkpoint(path: Path) -> Checkpoint:
    """Return one checkpoint; raises DataError where a file is not the one its manifest names."""
    files = read_folder(path)
    return Checkpoint(
        model=tensors_from_bytes(files["model.safetensors"]),
        optimizer=tensors_from_bytes(files["optimizer.safetensors"]),
        state=json.loads(files["state.json"]),
    )


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files with a manifest, so that it is there whole or not at all."""
    aside = path.with_name(path.name + ".tmp")
    shutil.rmtree(aside, ignore_errors=True)
    _check_room(path.parent, sum(map(len, files.values())))
    aside.mkdir()
    try:
        for name, content in files.items():
            write_file(aside / name, content)
            if (aside / name).read_bytes() != content:
                raise OSError(errno.EIO, "read back differently from what was written", str(aside / name))
        manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        write_file(aside / "manifest.json", json.dumps(manifest, indent=2).encode())
        sync(aside)
        if path.exists():
            shutil.rmtree(path)
        os.rename(aside, path)
        sync(path.parent)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def read_folder(path: Path) -> dict[str, bytes]:
    """Return the files a manifest names; raises DataError where one is missing or changed."""
    try:
        manifest = json.loads((path / "manifest.json").read_bytes())
        files = {name: (path / name).read_bytes() for name in manifest}
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not whole ({error}).") from error
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != manifest[name]:
            raise DataError(f"{path / name}: changed since it was written (SHA-256 differs).")
    return files


def write_file(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Wait until the disk has a folder's entries."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn a failing disk into a StorageError that says what is still there."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StorageError(
            f"{folder}: cannot be written ({reason}). What was saved before is whole. "
            "Free some space, then run: striate resume " + str(folder.parent)
        ) from error


def _contiguous(tensors: Tensors) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


def _check_room(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed + SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _prune(folder: Path) -> None:
    """Drop all but the newest KEEP checkpoints, and what a crash left half written."""
    whole = sorted(p for p in folder.glob("*") if p.name.isdecimal())
    for old in [*whole[:-KEEP], *folder.glob("*.tmp")]:
        shutil.rmtree(old, ignore_errors=True)
