"""What a run is: the work to be done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from striate.data.loader import Loader
from striate.learning.rule import LearningRule
from striate.progress import Progress
from striate.runs.folder.recipe import Recipe
from striate.tasks.task import AnyTask
from striate.training.position import Position
from striate.training.ranks.ranks import ALONE, Ranks


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

    def is_way_back(self, state: Mapping[str, Any]) -> bool:
        """Say whether a run that diverges can go back to a checkpoint: one that was due, not one between them."""
        return self.is_due(state["step"]) and not Position.of(state).is_astray

    def is_due(self, step: int) -> bool:
        """Say whether a checkpoint is due after `step` steps."""
        every = self.recipe.train.checkpoint_every
        return step % self.train.steps == 0 or (every > 0 and step % every == 0)
