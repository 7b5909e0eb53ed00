"""Any number of labels a picture: labels (N, K) uint8, 1 where the label fits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.naming import some
from striate.sources.source import Pictures, Source, learned_pictures
from striate.sources.targets.one_class import places_among, refuse_unknown
from striate.sources.targets.task_name import LABEL_SET, TaskName


class LabelSet:
    """The kind of target of pictures that may have several labels, one or none."""

    name = "label"
    counted = ("labels", "레이블")
    title = ("Labels", "레이블")
    names_a_picture = "several"
    kept_by_motion = True
    serves = frozenset({LABEL_SET})

    def settle(self, source: Source, splits: Mapping[str, Pictures]) -> list[str]:
        """Return notes on labels that no picture to learn from has, and on pictures without any."""
        counts = learned_pictures(splits).labels.sum(axis=0, dtype=np.int64)
        bare = [name for name, count in zip(source.classes, counts, strict=True) if not count]
        notes = [f"no picture to learn from has the labels: {some(bare)}"] if bare else []
        blank = sum(
            int((pictures.labels.sum(axis=1, dtype=np.int64) == 0).sum()) for pictures in splits.values()
        )
        return [*notes, f"{blank} pictures have no label at all"] if blank else notes

    def refuse_unlearnable(self, source: Source, labels: NDArray[Any], *, wanted: str) -> None:
        """Raise DataError where no picture has any label."""
        if not labels.any():
            raise DataError(f"{source.root}: no picture has any of the labels {some(list(source.classes))}.")

    def counts(self, labels: NDArray[Any], num_classes: int) -> list[int]:
        """Return how many pictures each label has."""
        return labels.sum(0, dtype=np.int64).tolist()

    def strata(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return which labels (N, K) each picture has: each label is divided among the splits in proportion."""
        return labels != 0

    def placed(self, labels: NDArray[Any], places: NDArray[np.int64], num_classes: int) -> NDArray[Any]:
        """Return labels whose columns now stand at `places` (K,) among `num_classes`, those at -1 left out."""
        moved = np.zeros((len(labels), num_classes), labels.dtype)
        moved[:, places[places >= 0]] = labels[:, places >= 0]
        return moved

    def relabelled(
        self, labels: NDArray[Any], source: Source, classes: Sequence[str], task: TaskName
    ) -> NDArray[Any]:
        """Return labels counted in a network's `classes`; raises DataError for a label it does not know."""
        refuse_unknown(self.name, self.counts(labels, len(source.classes)), source, classes)
        return self.placed(labels, places_among(source.classes, classes), len(classes))

    def told(self, label: Any, classes: Sequence[str]) -> list[str]:
        """Return the labels of a picture in words."""
        return [classes[int(i)] for i in np.flatnonzero(label)]

    def columns(self, classes: Sequence[str]) -> list[str]:
        """Return the name of the column of a table that holds the labels."""
        return ["labels"]

    def cells(self, label: Any, classes: Sequence[str]) -> list[str | list[str]]:
        """Return what stands in that column for a picture: a list."""
        return [self.told(label, classes)]
