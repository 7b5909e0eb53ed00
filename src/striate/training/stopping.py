"""Early stopping: the weights with the least watched loss are kept, and a run ends that no longer betters it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from striate.errors import DataError
from striate.training.checkpoint import Checkpoint, read_checkpoint, save_checkpoint

# Kept as checkpoints are: as many generations, each whole or not there.
BEST = "best"


@dataclass(frozen=True)
class Best:
    """The least watched loss so far, the step after which it was measured, and the epochs since."""

    loss: float | None = None
    step: int = 0
    waited: int = 0

    def after(self, loss: float, step: int) -> "Best":
        """Return the best once an epoch ended at `step` with a loss; a loss that is equal is not better."""
        if self.loss is None or loss < self.loss:
            return Best(loss, step)
        return Best(self.loss, self.step, self.waited + 1)

    def is_over(self, patience: int) -> bool:
        """Say whether so many epochs have passed in vain; with a patience of 0 never."""
        return 0 < patience <= self.waited


def save_best(folder: Path, step: int, model: Mapping[str, Tensor]) -> None:
    """Write a network's weights as the best of a run folder so far; raises StorageError where the disk is full.

    It comes before the checkpoint that names it. Killed in between, a run learns the epoch again and writes the same.
    """
    save_checkpoint(folder / BEST, step, Checkpoint(model=model, optimizer={}, state={}))


def load_best(folder: Path, step: int) -> Mapping[str, Tensor]:
    """Return the best weights of a run folder; raises DataError where they are gone or damaged."""
    try:
        return read_checkpoint(folder / BEST / f"{step:010d}").model
    except DataError as error:
        raise DataError(
            f"{folder}: the best weights, of step {step}, cannot be read. Restore {folder / BEST} from a copy."
        ) from error
