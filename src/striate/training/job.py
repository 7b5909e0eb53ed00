"""What a run is: the work to be done, and where in it the loop stands."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from striate.data.loader import Loader
from striate.data.progress import Progress
from striate.rule import LearningRule
from striate.tasks.task import AnyTask
from striate.training.ranks import ALONE, Ranks
from striate.training.recipe import Recipe
from striate.training.step import Outcome
from striate.training.stopping import Best


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is trained on what, and the run folder it is written to.

    `watched` is the split looked at after each epoch, `final` the one scored at the end. Nothing is chosen by either,
    but the best epoch by `watched` where the recipe has a patience; probabilities are fitted to it where it is 'val'.
    `rule` makes the network's own way to learn; None: back-propagation with the recipe's optimizer. `ranks` are the
    processes that train it; only the first has the run folder, the others have one of their own to throw away.
    `head` names the parameters by which fine-tuning begins.
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
    head: frozenset[str] = frozenset()

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
    metrics.jsonl when the position was saved, `rollbacks` how often the run had gone back by then;
    `best` is kept where the recipe has a patience.
    """

    step: int = 0
    loss: float = 0.0
    right: float = 0
    seen: int = 0
    record_length: int = 0
    rollbacks: int = 0
    best: Best = field(default_factory=Best)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Position":
        """Return what `to_dict` wrote; raises TypeError for anything else."""
        return cls(**{**state, "best": Best(**state.get("best", {}))})

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
        )
