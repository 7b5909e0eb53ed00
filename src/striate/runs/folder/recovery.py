"""recovery.json: the rollbacks of a run after divergence, and the steps from which on its micro-batches are smaller.

It is written atomically before the run acts on it, and the loop acts only on what it says. So a run that is killed and
resumed does the same as one that is not, whenever the kill comes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from striate.errors import DataError, command
from striate.host.durable import storage_errors, write_file

RECOVERY = "recovery.json"
# What the learning rate is multiplied by at each rollback, and the most rollbacks of a run.
LOWER = 0.25
MOST_ROLLBACKS = 4


@dataclass(frozen=True)
class Rollback:
    """A rollback from step `left`, which gave a number that was not finite, to the checkpoint after step `to`.

    `reason` says which number. `to` is 0 also where there was no checkpoint: the run begins again.
    """

    left: int
    to: int
    reason: str


@dataclass(frozen=True)
class Split:
    """From step `step` on, micro-batches have at most `at_once` pictures, since more did not fit in memory."""

    step: int
    at_once: int


@dataclass(frozen=True)
class Recovery:
    """The rollbacks and splits of a run so far, in order; `given_up` says why it was given up, if it was."""

    rollbacks: tuple[Rollback, ...] = ()
    splits: tuple[Split, ...] = ()
    given_up: str = ""

    @property
    def rate(self) -> float:
        """What the recipe's learning rate is multiplied by after the rollbacks so far."""
        return LOWER ** len(self.rollbacks)

    def at_once(self, step: int, *, most: int) -> int:
        """Return the size of a micro-batch in step `step`; `most` is the size without splits."""
        return min([most, *(split.at_once for split in self.splits if split.step <= step)])

    def counts(self, state: Mapping[str, Any]) -> bool:
        """Say whether a checkpoint of this loop state is current.

        It is stale where a later rollback went to a step before it: what it holds is no longer part of the run.
        """
        later = self.rollbacks[state.get("rollbacks", 0) :]
        return all(state["step"] <= back.to for back in later)

    def target(self, steps: Sequence[int]) -> int:
        """Return the step of the checkpoint to roll back to, of those at `steps`, the newest first; 0 where none is.

        It is the newest, unless the last rollback went there: then a lower learning rate did not help, and the cause
        may lie before it, so the one before is taken where there is one.
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
    """Read recovery.json, an empty Recovery where there is none; raises DataError where it is broken."""
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
