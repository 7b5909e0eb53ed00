"""Where in a run the loop stands: what a checkpoint's state.json holds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from striate.learning.schedule import Plateau
from striate.runs.folder.best import Best
from striate.training.step import Outcome

# A loss this many times the first one, or 1, has left all sense behind.
ASTRAY = 10


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where in a run the loop stands, and this epoch's sums so far. `step` counts from the start of the run.

    `right` is the sum of the pictures' scores: 1 for each answered rightly. `record_length` is the size of
    metrics.jsonl when the position was saved, `rollbacks` how often the run had gone back by then; `first` and `last`
    are the losses of the run's first step and of the last one;
    `best` is kept where the recipe has a patience, `plateau` where its schedule is that.
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
        """Whether the loss has grown so much that the weights are not worth going back to, though still finite."""
        return self.last > ASTRAY * max(self.first, 1.0)

    def after_epoch(self, best: Best, plateau: Plateau) -> "Position":
        """Return the same place with no sums, and what the watched loss has been: the start of the next epoch."""
        return replace(self, loss=0.0, right=0, seen=0, best=best, plateau=plateau)
