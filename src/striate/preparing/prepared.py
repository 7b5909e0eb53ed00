"""A run about to start or to go on: its recipe, its data, its task."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from striate.data.loader import Loader
from striate.data.store.store import Store
from striate.nets.blueprint import Blueprint
from striate.preparing.choice import Facts
from striate.runs.folder.manifest import Manifest
from striate.runs.folder.recipe import LAYOUTS, Recipe
from striate.runs.run import EVALUATED_AT_ONCE
from striate.sources.source import Source
from striate.tasks.catalog import class_weights, make_task
from striate.tasks.task import AnyTask

# Threads that make large batches ahead of their steps.
AHEAD = 2


@dataclass(frozen=True)
class Prepared:
    """A run about to start or to go on: its recipe, its classes, what it read, and the decoded pictures by split.

    `facts` are what its choices rest on; None where it goes on and nothing is chosen.
    """

    recipe: Recipe
    classes: tuple[str, ...]
    source: Source
    manifest: Manifest
    stores: Mapping[str, Store]
    blueprint: Blueprint
    facts: Facts | None = None

    @cached_property
    def task(self) -> AnyTask:
        """The task with its loss, classes weighted by their training pictures where the recipe asks for that."""
        recipe, labels = self.recipe, self.stores["train"].labels
        return make_task(
            recipe.task,
            self.classes,
            scale=recipe.targets,
            label_smoothing=recipe.train.label_smoothing,
            weights=class_weights(recipe.train.class_weights, labels, len(self.classes)),
        )

    def loader(self, split: str) -> Loader:
        """Return the batches of a split: the recipe's for 'train', of EVALUATED_AT_ONCE pictures for others."""
        recipe = self.recipe
        return Loader(
            store=self.stores[split],
            preprocess=recipe.preprocess,
            batch=recipe.train.batch if split == "train" else EVALUATED_AT_ONCE,
            seed=recipe.seed,
            threads=AHEAD,
            layout=LAYOUTS[recipe.train.layout],
            sampling=recipe.train.sampling,
            paged=recipe.train.order == "paged",
        )
