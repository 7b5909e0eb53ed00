"""The kinds of target by task, and what must be true of a data set before anything can be learned from it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.naming import SPLITS
from striate.sources.source import Pictures, Source, learned_pictures
from striate.sources.targets.label_set import LabelSet
from striate.sources.targets.numbers import Numbers
from striate.sources.targets.one_class import OneClass
from striate.sources.targets.task_name import LABEL_SET, NUMBERS, ONE_CLASS, TaskName


class TargetKind(Protocol):
    """One kind of target; `labels` are an array whose first axis is the picture, `classes` the names of a data set."""

    @property
    def name(self) -> str:
        """What one of the names is, for a sentence: 'class' or 'label'."""

    @property
    def counted(self) -> tuple[str, str]:
        """What the names are after a number, in English and Korean: 'classes'."""

    @property
    def title(self) -> tuple[str, str]:
        """What heads their number in a table, in English and Korean."""

    @property
    def names_a_picture(self) -> str:
        """How many of the names a picture has: 'one', 'several' (or none of them), or 'none' where it has numbers."""

    @property
    def kept_by_motion(self) -> bool:
        """Whether a label stays true when the picture is shifted, mirrored or cropped."""

    @property
    def serves(self) -> frozenset[TaskName]:
        """The tasks of networks that can be scored on such labels."""

    def settle(self, source: Source, splits: Mapping[str, Pictures]) -> list[str]:
        """Return notes on what a user may not expect; raises DataError where the labels cannot be right."""

    def refuse_unlearnable(self, source: Source, labels: NDArray[Any], *, wanted: str) -> None:
        """Raise DataError where nothing can be learned from these labels; `wanted` says what else is needed."""

    def counts(self, labels: NDArray[Any], num_classes: int) -> list[int]:
        """Return how many pictures have each name."""

    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return what a split keeps in proportion: a group (N,), or which of several groups (N, K) bool."""

    def placed(self, labels: NDArray[Any], places: NDArray[np.int64], num_classes: int) -> NDArray[Any]:
        """Return labels of names that now stand at `places` (K,) among `num_classes`."""

    def relabelled(
        self, labels: NDArray[Any], source: Source, classes: Sequence[str], task: TaskName
    ) -> NDArray[Any]:
        """Return labels in the words of a network for `task`; raises DataError where that cannot be."""

    def told(self, label: Any, classes: Sequence[str]) -> list[str]:
        """Return one picture's label in words."""

    def columns(self, classes: Sequence[str]) -> list[str]:
        """Return the names of a table's columns that hold labels, by which its reader knows them."""

    def cells(self, label: Any, classes: Sequence[str]) -> list[str | list[str]]:
        """Return what stands in those columns for one picture."""


# Task -> the kind of target it is learned from.
TARGET_KINDS: Mapping[TaskName, TargetKind] = {
    ONE_CLASS: OneClass(),
    LABEL_SET: LabelSet(),
    NUMBERS: Numbers(),
}


def refuse_other_task(source: Source, task: TaskName) -> None:
    """Raise DataError where a data set asks another thing of a picture than the network was trained for.

    One class a picture is taken as its one label where a picture may have several.
    """
    if task not in TARGET_KINDS[source.task].serves:
        raise DataError(
            f"{source.root}: labelled for {source.task}, and the network was trained for {task}. "
            "Give data of the same kind."
        )


def settled(source: Source) -> Source:
    """Return a data set without empty splits, a single split as 'all', with a note of what a user may not expect.

    Raises DataError where two classes have one name, where there is no picture, a class that train lacks, or numbers
    that are not finite.
    """
    if strange := [split for split in source.splits if split not in SPLITS]:
        raise DataError(
            f"{source.root}: a split is called '{strange[0]}'; wanted are {', '.join(SPLITS)}. Rename it."
        )
    kept = {split: pictures for split, pictures in source.splits.items() if len(pictures)}
    notes = [*source.notes, *(f"{split} has no pictures" for split in source.splits if split not in kept)]
    if twice := [name for name, count in Counter(source.classes).items() if count > 1]:
        raise DataError(
            f"{source.root}: '{twice[0]}' is the name of two classes. Give each a name of its own."
        )
    if not kept:
        raise DataError(f"{source.root}: no pictures in it.")
    notes += TARGET_KINDS[source.task].settle(source, kept)
    if len(kept) == 1 and "all" not in kept:
        (split,) = kept
        notes.append(f"there is only {split}: what is held out is taken from it")
        kept = {"all": kept[split]}
    return replace(source, splits=kept, notes=notes)


def refuse_unlearnable(source: Source, *, wanted: str = "") -> None:
    """Raise DataError where nothing can be learned: no train, one class, labels nobody has, or one number for all.

    Such a data set can still be scored. `wanted` ends the message about classes.
    """
    if not source.splits.keys() & {"train", "all"}:
        there = " and ".join(sorted(source.splits))
        raise DataError(f"{source.root}: there is {there}, but no train to learn from.")
    labels = learned_pictures(source.splits).labels
    TARGET_KINDS[source.task].refuse_unlearnable(source, labels, wanted=wanted)
