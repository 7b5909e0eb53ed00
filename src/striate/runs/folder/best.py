"""Early stopping: the weights of the lowest watched loss are kept, and the run ends when that no longer falls."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load as tensors_from_bytes
from torch import Tensor

from striate.errors import DataError, command
from striate.host.durable import read_folder, storage_errors, write_folder
from striate.runs.folder.checkpoint import checkpoint_states, tensor_bytes

BEST = "best"
FILE = "model.safetensors"


@dataclass(frozen=True)
class Best:
    """The lowest watched loss so far, the step after which it was measured, and the epochs since (`waited`)."""

    loss: float | None = None
    step: int = 0
    waited: int = 0

    def after(self, loss: float, step: int) -> "Best":
        """Return the best once an epoch ended at `step` with a loss; a loss that is equal is not better."""
        if self.loss is None or loss < self.loss:
            return Best(loss, step)
        return Best(self.loss, self.step, self.waited + 1)

    def is_over(self, patience: int) -> bool:
        """Say whether `patience` epochs have passed without a lower loss; with a patience of 0 never."""
        return 0 < patience <= self.waited


def save_best(folder: Path, step: int, model: Mapping[str, Tensor]) -> None:
    """Write a network's weights below best/ of a run folder; raises StorageError where the disk is full.

    Call it before saving the checkpoint that refers to these weights: a run killed in between repeats the epoch and
    writes the same. Weights that no checkpoint refers to any more are deleted.
    """
    best = folder / BEST
    states = checkpoint_states(folder / "checkpoints")
    named = {step, *(state["best"]["step"] for state in states if "best" in state)}
    with storage_errors(
        best, f"go on from the checkpoint before, which is whole: {command('resume', folder)}"
    ):
        best.mkdir(exist_ok=True)
        write_folder(_place(folder, step), {FILE: tensor_bytes(model)})
        for path in {*best.iterdir()} - {_place(folder, each) for each in named}:
            shutil.rmtree(path)


def load_best(folder: Path, step: int) -> Mapping[str, Tensor]:
    """Return the best weights of a run folder; raises DataError where they are gone or damaged."""
    try:
        return tensors_from_bytes(read_folder(_place(folder, step), (FILE,))[FILE])
    except DataError as error:
        raise DataError(
            f"{folder}: the best weights, of step {step}, cannot be read. Restore {folder / BEST} from a copy."
        ) from error


def _place(folder: Path, step: int) -> Path:
    return folder / BEST / f"{step:010d}"
