"""What a run is: the work to be done, and where in it the loop stands."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from striate.data.loader import Loader
from striate.data.progress import Progress
from striate.rule import LearningRule
from striate.tasks.task import AnyTask
from striate.training.ranks import ALONE, Ranks
from striate.training.recipe import Recipe
from striate.training.step import Outcome


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is trained on what, and the run folder it is written to.

    `watched` is the split looked at after each epoch, `final` the one scored at the end; nothing is chosen by either.
    `rule` makes the network's own way to learn; None: back-propagation with the recipe's optimizer. `ranks` are the
    processes that train it; only the first has the run folder, the others have one of their own to throw away.
    """

    recipe: Recipe
    task: AnyTask
    train: Loader
    watched: tuple[str, Loader] | None
    final: tuple[str, Loader] | None
    folder: Path
    progress: Progress
    rule: Callable[[nn.Module], LearningRule] | None = None
    ranks: Ranks = ALONE

    @property
    def steps(self) -> int:
        """The steps of the whole run."""
        return self.recipe.train.epochs * self.train.steps

    def is_regular(self, step: int) -> bool:
        """Say whether a checkpoint is due after `step` steps, whatever else may be saved."""
        every = self.recipe.train.checkpoint_every
        return step % self.train.steps == 0 or (every > 0 and step % every == 0)


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where in a run the loop stands, and this epoch's sums so far. `step` counts from the start of the run.

    `right` is the sum of the pictures' scores: 1 for each answered rightly. `record_length` is the size of
    metrics.jsonl when the position was saved, `rollbacks` how often the run had gone back by then.
    """

    step: int = 0
    loss: float = 0.0
    right: float = 0
    seen: int = 0
    record_length: int = 0
    rollbacks: int = 0

    def after(self, outcome: Outcome, count: int) -> "Position":
        """Return the position one step of `count` pictures later."""
        return replace(
            self,
            step=self.step + 1,
            loss=self.loss + outcome.loss * count,
            right=self.right + outcome.right,
            seen=self.seen + count,
        )
