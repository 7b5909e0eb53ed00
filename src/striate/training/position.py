"""The loop state, as state.json of a checkpoint holds it: the step, and what was summed up so far."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from striate.learning.schedule import Plateau
from striate.runs.folder.best import Best
from striate.training.step import Outcome

# A loss over this many times the first one, or over this where the first was under 1, is astray.
ASTRAY = 10


@dataclass(frozen=True, kw_only=True)
class Position:
    """The loop state between two steps.

    `step`: the steps done since the start of the run.
    `loss`, `right`, `seen`: sums over the epoch so far: of the pictures' losses, of their scores (1 for each answered
    rightly), and of the pictures themselves.
    `record_length`: the size of metrics.jsonl when the state was saved, in bytes.
    `rollbacks`: the rollbacks made before it was saved.
    `first`, `last`: the losses of the run's first step and of the last one.
    `best`: early stopping's state, kept where the recipe has a patience.
    `plateau`: the state of the schedule 'plateau', kept where that is the schedule.
    """

    step: int = 0
    loss: float = 0.0
    right: float = 0
    seen: int = 0
    record_length: int = 0
    rollbacks: int = 0
    first: float = 0.0
    last: float = 0.0
    best: Best = field(default_factory=Best)
    plateau: Plateau = field(default_factory=Plateau)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Position":
        """Return what `to_dict` wrote; raises TypeError for anything else."""
        best, plateau = Best(**state.get("best", {})), Plateau(**state.get("plateau", {}))
        return cls(**{**state, "best": best, "plateau": plateau})

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return asdict(self)

    def after(self, outcome: Outcome, count: int) -> "Position":
        """Return the position one step of `count` pictures later."""
        return replace(
            self,
            step=self.step + 1,
            loss=self.loss + outcome.loss * count,
            right=self.right + outcome.right,
            seen=self.seen + count,
            first=self.first if self.step else outcome.loss,
            last=outcome.loss,
        )

    @property
    def is_astray(self) -> bool:
        """Whether the loss, though finite, has grown so much that the weights are no rollback target."""
        return self.last > ASTRAY * max(self.first, 1.0)

    def after_epoch(self, best: Best, plateau: Plateau) -> "Position":
        """Return the start of the next epoch: the same step, the sums at 0, `best` and `plateau` replaced."""
        return replace(self, loss=0.0, right=0, seen=0, best=best, plateau=plateau)
