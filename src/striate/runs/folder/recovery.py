"""recovery.json: where a run went back after it had diverged, and from which steps on fewer pictures go at a time.

It is written, whole or not at all, before the run acts on it, and the loop acts on what it says of a step rather than
on what just happened. So a run that is killed and resumed does the same as one that is not, wherever the kill falls.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from striate.errors import DataError, command
from striate.host.durable import storage_errors, write_file

RECOVERY = "recovery.json"
# What the learning rate is multiplied by at each rollback, and how often a run goes back.
LOWER = 0.25
MOST_ROLLBACKS = 4


@dataclass(frozen=True)
class Rollback:
    """A way back from step `left`, where numbers were not finite for `reason`, to the checkpoint after step `to`."""

    left: int
    to: int
    reason: str


@dataclass(frozen=True)
class Split:
    """From the step numbered `step` on, `at_once` pictures go through the network at a time: more had no room."""

    step: int
    at_once: int


@dataclass(frozen=True)
class Recovery:
    """The rollbacks and the splits of a run so far, in the order they happened, and why it was given up if it was."""

    rollbacks: tuple[Rollback, ...] = ()
    splits: tuple[Split, ...] = ()
    given_up: str = ""

    @property
    def rate(self) -> float:
        """What the recipe's learning rate is multiplied by now."""
        return LOWER ** len(self.rollbacks)

    def at_once(self, step: int, *, most: int) -> int:
        """Return how many pictures go at a time in the step numbered `step`, `most` being what the recipe asks."""
        return min([most, *(split.at_once for split in self.splits if split.step <= step)])

    def counts(self, state: Mapping[str, Any]) -> bool:
        """Say whether a checkpoint's state is still part of the run, not of a stretch that it has gone back behind."""
        later = self.rollbacks[state.get("rollbacks", 0) :]
        return all(state["step"] <= back.to for back in later)

    def target(self, steps: Sequence[int]) -> int:
        """Return which of the checkpoints after `steps`, the newest first, to go back to; 0 where there is none.

        The newest, unless the run has just come from there: then a lower rate was no help, and what diverged later
        may have begun before.
        """
        came_from = self.rollbacks[-1].to if self.rollbacks else None
        return next((step for step in steps if step != came_from), steps[0] if steps else 0)

    def going_back(self, back: Rollback) -> "Recovery":
        """Return this with one rollback more."""
        return replace(self, rollbacks=(*self.rollbacks, back))

    def splitting(self, split: Split) -> "Recovery":
        """Return this with one split more."""
        return replace(self, splits=(*self.splits, split))

    def save(self, folder: Path) -> None:
        """Write recovery.json into a run folder; raises StorageError where the disk is full."""
        path = folder / RECOVERY
        with storage_errors(path, f"go on with: {command('resume', folder)}"):
            write_file(path, json.dumps(asdict(self), ensure_ascii=False, indent=1).encode())


def load_recovery(folder: Path) -> Recovery:
    """Return what a run folder says, an empty Recovery where it says nothing; raises DataError where it is broken."""
    path = folder / RECOVERY
    try:
        values = json.loads(path.read_bytes())
        return Recovery(
            tuple(Rollback(**back) for back in values["rollbacks"]),
            tuple(Split(**split) for split in values["splits"]),
            str(values["given_up"]),
        )
    except FileNotFoundError:
        return Recovery()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Restore it from a copy.") from error
