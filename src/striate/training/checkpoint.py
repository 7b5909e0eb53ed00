"""Checkpoints: what a run is continued from, each whole or not there.

checkpoints/<step>/ holds model.safetensors, optimizer.safetensors, state.json and manifest.json, which has the
SHA-256 of each. `latest` names the newest for people and other programs; striate itself takes the newest that is whole,
so that a crash between the renaming of a checkpoint and the writing of `latest`, or a damaged file, costs nothing.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from striate.durable import read_folder, storage_errors, write_file, write_folder
from striate.errors import DataError, command

Tensors = Mapping[str, Tensor]
KEEP = 2
FILES = ("model.safetensors", "optimizer.safetensors", "state.json")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Tensors of the model and of what trains it, and the loop's own numbers."""

    model: Tensors
    optimizer: Tensors
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """The newest whole checkpoint, if any, and what was wrong with each newer one."""

    checkpoint: Checkpoint | None
    damaged: tuple[str, ...]


def save_checkpoint(folder: Path, step: int, checkpoint: Checkpoint) -> None:
    """Write a checkpoint below `folder` and drop all but the newest KEEP.

    Raises StorageError where there is no room or the disk fails; the checkpoints before it stay whole.
    """
    contents = (
        tensor_bytes(checkpoint.model),
        tensor_bytes(checkpoint.optimizer),
        json.dumps(checkpoint.state).encode(),
    )
    name = f"{step:010d}"
    resume = command("resume", folder.parent)
    with storage_errors(folder, f"go on from the checkpoint before, which is whole: {resume}"):
        folder.mkdir(exist_ok=True)
        write_folder(folder / name, dict(zip(FILES, contents, strict=True)))
        write_file(folder / "latest", name.encode())
    _prune(folder, name)


def load_checkpoint(folder: Path) -> Found:
    """Return the newest whole checkpoint below `folder`; a damaged one is passed over for the one before it.

    Raises DataError where there are some and all are damaged.
    """
    damaged: list[str] = []
    for path in reversed(_steps(folder)):
        try:
            return Found(read_checkpoint(path), tuple(damaged))
        except DataError as error:
            damaged.append(str(error))
    if damaged:
        raise DataError(
            f"{folder}: no whole checkpoint. {' '.join(damaged)} "
            f"Restore one from a copy, or remove {folder} to begin again: {command('resume', folder.parent)}"
        )
    return Found(None, ())


def has_checkpoint(folder: Path) -> bool:
    """Say whether there is a checkpoint below `folder`, whole or damaged."""
    return bool(_steps(folder))


def read_checkpoint(path: Path) -> Checkpoint:
    """Return one checkpoint; raises DataError where a file is not the one its manifest names."""
    model, optimizer, state = read_folder(path, FILES).values()
    try:
        return Checkpoint(
            model=tensors_from_bytes(model), optimizer=tensors_from_bytes(optimizer), state=json.loads(state)
        )
    except (SafetensorError, ValueError) as error:
        raise DataError(f"{path}: not readable ({error}).") from error


def tensor_bytes(tensors: Tensors) -> bytes:
    """Return tensors in the safetensors format; the same tensors give the same bytes."""
    # Copies, since the format refuses tensors that share memory, as the weights of a module used twice do.
    return tensors_to_bytes({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()})


def _steps(folder: Path) -> list[Path]:
    """Return the folders of the checkpoints, the oldest first."""
    return sorted(
        (path for path in folder.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name)
    )


def _prune(folder: Path, newest: str) -> None:
    """Drop what is older than the last KEEP up to `newest`, what is later, which was damaged, and what is half done."""
    steps = _steps(folder)
    past = [path for path in steps if int(path.name) <= int(newest)]
    for path in {*steps} - {*past[-KEEP:]} | {*folder.glob("*.tmp")}:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
