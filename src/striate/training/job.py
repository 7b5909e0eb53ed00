"""What the training loop is given: recipe, task, batches and run folder."""

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
    """One training to be done, and the run folder it is written to.

    `train`: the training batches.
    `watched`: the split scored after each epoch, by name. With a patience it chooses the best epoch; where it is 'val',
    it also drives the schedule 'plateau', and the calibration is fitted to it.
    `final`: the split scored at the end, by name; nothing is chosen by it.
    `folder`: the run folder on rank 0, a temporary folder on every other rank.
    `rule`: makes the network's own learning rule; None: back-propagation with the recipe's optimizer.
    `head`: the names of the parameters in the network's head, which fine-tuning trains first.
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
        """The steps of the whole run, over all epochs."""
        return self.recipe.train.epochs * self.train.steps

    def is_way_back(self, state: Mapping[str, Any]) -> bool:
        """Say whether a checkpoint of this state is a rollback target: one that was due, its loss not astray."""
        return self.is_due(state["step"]) and not Position.of(state).is_astray

    def is_due(self, step: int) -> bool:
        """Say whether a checkpoint is due after `step` steps: at an epoch's end, or by `checkpoint_every`."""
        every = self.recipe.train.checkpoint_every
        return step % self.train.steps == 0 or (every > 0 and step % every == 0)
