"""One class a picture: labels (N,) int64, positions among the class names."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.source import Pictures, Source
from striate.sources.targets.task_name import LABEL_SET, ONE_CLASS, TaskName


class OneClass:
    """The kind of target of pictures that each show one class."""

    name = "class"
    counted = ("classes", "클래스")
    title = ("Classes", "클래스")
    names_a_picture = "one"
    kept_by_motion = True
    serves = frozenset({ONE_CLASS, LABEL_SET})

    def settle(self, source: Source, splits: Mapping[str, Pictures]) -> list[str]:
        """Return nothing to note; raises DataError for a class of another split that train lacks."""
        if "train" in splits:
            met = {split: met_classes(source.classes, pictures.labels) for split, pictures in splits.items()}
            refuse_unlearned(source.root, met, wanted="Every class must have a picture in train.")
        return []

    def refuse_unlearnable(self, source: Source, labels: NDArray[Any], *, wanted: str) -> None:
        """Raise DataError where all pictures are of one class; `wanted` ends the message."""
        if len(met := met_classes(source.classes, labels)) == 1:
            raise DataError(
                f"{source.root}: only one class with pictures, '{met[0]}'; "
                f"a classifier needs two or more. {wanted}".rstrip()
            )

    def counts(self, labels: NDArray[Any], num_classes: int) -> list[int]:
        """Return how many pictures each class has."""
        return np.bincount(labels, minlength=num_classes).tolist()

    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return the class (N,) of each picture: each is divided among the splits in proportion."""
        return labels

    def placed(self, labels: NDArray[Any], places: NDArray[np.int64], num_classes: int) -> NDArray[Any]:
        """Return labels of classes that now stand at `places` (K,) among `num_classes`."""
        return places[labels]

    def relabelled(
        self, labels: NDArray[Any], source: Source, classes: Sequence[str], task: TaskName
    ) -> NDArray[Any]:
        """Return labels counted in a network's `classes`, as rows of 0 and 1 where it knows several a picture.

        Raises DataError for a class it does not know.
        """
        refuse_unknown(self.name, self.counts(labels, len(source.classes)), source, classes)
        moved = self.placed(labels, places_among(source.classes, classes), len(classes))
        return moved if task == ONE_CLASS else np.eye(len(classes), dtype=np.uint8)[moved]

    def told(self, label: Any, classes: Sequence[str]) -> list[str]:
        """Return the class in words."""
        return [classes[int(label)]]

    def columns(self, classes: Sequence[str]) -> list[str]:
        """Return the name of the column of a table that holds the class."""
        return [self.name]

    def cells(self, label: Any, classes: Sequence[str]) -> list[str | list[str]]:
        """Return what stands in that column for a picture."""
        return [classes[int(label)]]


def met_classes(classes: Sequence[str], labels: NDArray[Any]) -> list[str]:
    """Return the names of the classes that any of the labels (N,) has."""
    return [classes[index] for index in np.unique(labels)]


def refuse_unlearned(
    root: Path | str, classes: Mapping[str, Collection[str]], *, mark: str = "", wanted: str
) -> None:
    """Raise DataError for a class of another split that train has not; `mark` follows the name of a split."""
    for split, names in classes.items():
        if extra := sorted(set(names) - set(classes["train"])):
            raise DataError(
                f"{root}: {split}{mark} has class '{extra[0]}', which train{mark} has not. {wanted}"
            )


def refuse_unknown(name: str, counts: Sequence[int], source: Source, classes: Sequence[str]) -> None:
    """Raise DataError for a class, or what `name` says, that pictures have and a network does not know."""
    met = [given for given, count in zip(source.classes, counts, strict=True) if count]
    if unknown := [given for given in met if given not in classes]:
        raise DataError(
            f"{source.root}: {name} '{unknown[0]}' is not one the network knows. It knows: {', '.join(classes)}."
        )


def places_among(names: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return where each name stands among `classes`, -1 for one that does not."""
    return np.array([classes.index(name) if name in classes else -1 for name in names], np.int64)
