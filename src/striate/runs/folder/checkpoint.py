"""Checkpoints: what a run is continued from, each whole or not there.

checkpoints/<step>/ holds model.safetensors, optimizer.safetensors, state.json, average.safetensors where an average of
the weights is kept, and manifest.json, which has the SHA-256 of each. `latest` names the newest for people and other
programs; striate itself takes the newest that is whole, so that a crash between the renaming of a checkpoint and the
writing of `latest`, or a damaged file, costs nothing.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from striate.errors import DataError, command
from striate.host.durable import read_folder, storage_errors, write_file, write_folder

Tensors = Mapping[str, Tensor]
State = Mapping[str, Any]
KEEP = 2
FILES = ("model.safetensors", "optimizer.safetensors", "state.json")
AVERAGE = "average.safetensors"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The tensors of the network, of its learner and of the average of its weights, and the loop state."""

    model: Tensors
    optimizer: Tensors
    state: State
    average: Tensors | None = None

    @property
    def is_finite(self) -> bool:
        """Whether every number in it is finite."""
        groups = (self.model, self.optimizer, self.average or {})
        return all(bool(tensor.isfinite().all()) for tensors in groups for tensor in tensors.values())


@dataclass(frozen=True)
class Found:
    """The newest whole checkpoint, if any, and what was wrong with each newer one."""

    checkpoint: Checkpoint | None
    damaged: tuple[str, ...]


def always(_: State) -> bool:
    """Accept every state."""
    return True


def save_checkpoint(
    folder: Path, step: int, checkpoint: Checkpoint, *, way_back: Callable[[State], bool] = always
) -> None:
    """Write a checkpoint below `folder`, and delete all others but the newest KEEP that are rollback targets.

    `way_back` says by its loop state whether a checkpoint is one. So a checkpoint written on Ctrl-C, or while the loss
    is astray, displaces no rollback target. Raises StorageError where the disk is full or fails; the checkpoints before
    it stay whole.
    """
    contents = [
        tensor_bytes(checkpoint.model),
        tensor_bytes(checkpoint.optimizer),
        json.dumps(checkpoint.state).encode(),
    ]
    files = dict(zip(FILES, contents, strict=True))
    if checkpoint.average is not None:
        files[AVERAGE] = tensor_bytes(checkpoint.average)
    name = f"{step:010d}"
    resume = command("resume", folder.parent)
    with storage_errors(folder, f"go on from the checkpoint before, which is whole: {resume}"):
        folder.mkdir(exist_ok=True)
        write_folder(folder / name, files)
        write_file(folder / "latest", name.encode())
    _prune(folder, step, way_back)


def load_checkpoint(folder: Path, *, counts: Callable[[State], bool] = always) -> Found:
    """Return the newest whole checkpoint below `folder`; damaged and stale ones are passed over.

    `counts` says by its loop state whether a checkpoint is current, not stale. Raises DataError where none is whole and
    current, and one at least is damaged.
    """
    damaged: list[str] = []
    for path in reversed(_steps(folder)):
        state = _read_state(path)
        if state is not None and not counts(state):
            continue
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


def checkpoint_states(folder: Path) -> Iterator[State]:
    """Return the loop state of each readable checkpoint below `folder`, the newest first."""
    states = map(_read_state, reversed(_steps(folder)))
    return (state for state in states if state is not None)


def drop_after(folder: Path, step: int) -> None:
    """Delete the checkpoints later than `step`, and let `latest` name that of `step` where there is one."""
    newest = folder / f"{step:010d}"
    with storage_errors(folder, f"go on with: {command('resume', folder.parent)}"):
        if newest.is_dir():
            write_file(folder / "latest", newest.name.encode())
        for path in reversed(_steps(folder)):
            if int(path.name) > step:
                shutil.rmtree(path)


def has_checkpoint(folder: Path) -> bool:
    """Say whether there is a checkpoint below `folder`, whole or damaged."""
    return bool(_steps(folder))


def read_checkpoint(path: Path) -> Checkpoint:
    """Return one checkpoint; raises DataError where a file is not the one its manifest names."""
    names = (*FILES, AVERAGE) if (path / AVERAGE).exists() else FILES
    model, optimizer, state, *average = read_folder(path, names).values()
    try:
        return Checkpoint(
            model=tensors_from_bytes(model),
            optimizer=tensors_from_bytes(optimizer),
            average=tensors_from_bytes(average[0]) if average else None,
            state=json.loads(state),
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


def _read_state(path: Path) -> State | None:
    """Return the loop state of a checkpoint, without reading its tensors; None where it cannot be read."""
    try:
        state = json.loads((path / FILES[2]).read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def _prune(folder: Path, newest: int, way_back: Callable[[State], bool]) -> None:
    """Delete all checkpoints but `newest` and the last KEEP rollback targets up to it, and all half-written files.

    Checkpoints later than `newest` are deleted too: training did not go on from them, so they are damaged.
    """
    states = {path: _read_state(path) for path in _steps(folder) if int(path.name) <= newest}
    ways = [path for path, state in states.items() if state is not None and way_back(state)]
    dropped = {*_steps(folder)} - {folder / f"{newest:010d}", *ways[-KEEP:]}
    for path in (*dropped, *folder.glob("*.tmp")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
