"""A data set gathered into arrays over all pictures, split after split: facts, splits and labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.audit.duplicates import Duplicates, Group, find_duplicates
from striate.data.store.ledger import Ledger
from striate.pictures.facts import BAD
from striate.pictures.pixels import Encoded
from striate.progress import Progress, Silent
from striate.sources.naming import SPLITS
from striate.sources.source import Pictures, Source
from striate.sources.targets.kind import TARGET_KINDS, TargetKind


@dataclass(frozen=True)
class Gathered:
    """A data set and the filled ledgers of its splits; a position counts pictures through all splits in order."""

    source: Source
    ledgers: Mapping[str, Ledger]
    progress: Progress = Silent()  # noqa: RUF009  it has no state

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def kind(self) -> TargetKind:
        """The kind of target that the pictures are labelled with."""
        return TARGET_KINDS[self.source.task]

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, in the order of the pictures."""
        return tuple(sorted(self.source.splits, key=SPLITS.index))

    @cached_property
    def facts(self) -> NDArray[Any]:
        """The facts (N,) of every picture."""
        parts = [self.ledgers[split].facts for split in self.splits]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @cached_property
    def split(self) -> NDArray[np.int64]:
        """The index (N,) of each picture's split in `splits`."""
        return np.repeat(np.arange(len(self.splits)), [len(self.source.splits[s]) for s in self.splits])

    @cached_property
    def labels(self) -> NDArray[Any]:
        """The labels of every picture: (N,), (N, K) or (N, T), depending on the task."""
        return np.concatenate([self.source.splits[split].labels for split in self.splits])

    @cached_property
    def readable(self) -> NDArray[np.int64]:
        """The positions of the pictures that can be read."""
        return np.flatnonzero((self.facts["flags"] & BAD) == 0)

    @cached_property
    def duplicates(self) -> Duplicates:
        """The exact and near copies among the readable pictures, by their positions in the data set."""
        columns = (self.facts[name][self.readable] for name in ("fingerprint", "digest"))
        found = find_duplicates(*columns, progress=self.progress)
        place = self.readable.tolist()
        return Duplicates(
            tuple(Group(group.kind, tuple(place[i] for i in group.members)) for group in found.groups)
        )

    @cached_property
    def of_other_bands(self) -> NDArray[np.int64]:
        """The positions of the readable pictures with another number of bands than most; grey counts as colour."""
        bands = self.facts["bands"][self.readable]
        kinds = np.where(bands == 1, 3, bands)
        return self.readable[kinds != np.bincount(kinds).argmax()] if len(kinds) else self.readable

    def flagged(self, flag: int) -> NDArray[np.int64]:
        """Return the positions of the readable pictures with a flag of their facts set."""
        return self.readable[(self.facts["flags"][self.readable] & flag) != 0]

    def name(self, position: int) -> str:
        """Return the name of a picture."""
        pictures, index = self._at(position)
        return pictures.name(index)

    def read(self, position: int) -> Encoded:
        """Return a picture as it is stored; may raise OSError."""
        pictures, index = self._at(position)
        return pictures.read(index)

    def split_of(self, position: int) -> str:
        """Return the name of a picture's split."""
        return self.splits[self.split[position]]

    def label_of(self, position: int) -> str:
        """Return a picture's class, labels or regression targets as text."""
        return ", ".join(self.kind.told(self.labels[position], self.source.classes))

    def reasons(self) -> Iterator[tuple[int, str]]:
        """Yield the position of each picture that cannot be read, and why."""
        start = 0
        for split in self.splits:
            for index, reason in sorted(self.ledgers[split].reasons.items()):
                yield start + index, reason
            start += len(self.ledgers[split])

    def is_across(self, group: Group) -> bool:
        """Say whether copies are in several splits."""
        return len(np.unique(self.split[list(group.members)])) > 1

    def is_within(self, group: Group) -> bool:
        """Say whether a split has two or more of the copies."""
        return len(np.unique(self.split[list(group.members)])) < len(group.members)

    def is_conflict(self, group: Group) -> bool:
        """Say whether copies have different labels."""
        labels = self.labels[list(group.members)]
        return bool((labels != labels[0]).any())

    def class_counts(self, split: str) -> NDArray[np.int64]:
        """Return how many pictures of a split each class, label or regression target has."""
        counts = self.kind.counts(self.source.splits[split].labels, len(self.source.classes))
        return np.array(counts, np.int64)

    def _at(self, position: int) -> tuple[Pictures, int]:
        number = int(self.split[position])
        start = int(np.searchsorted(self.split, number))
        return self.source.splits[self.splits[number]], position - start
