"""Batches of one split: shuffled and augmented by counted randomness for training, in order for evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from striate.data.augment import Augment
from striate.data.draw import order
from striate.data.preprocess import Preprocess, shallow
from striate.data.store import Store


class Batch(NamedTuple):
    """Images (B, C, H, W) float32, normalised; labels (B,) int64."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Loader:
    """The batches of a store; its whole state is (epoch, position), so any batch can be had again."""

    store: Store
    preprocess: Preprocess
    batch: int
    seed: int = 0

    @property
    def steps(self) -> int:
        """The batches of a training epoch: a last one under half a batch is left out, unless it is the only one."""
        return max(1, (len(self.store) + self.batch // 2) // self.batch)

    def training(self, epoch: int, *, augment: Augment, start: int = 0) -> Iterator[Batch]:
        """Yield the shuffled, augmented batches of one epoch from batch `start` on."""
        ids = self.store.ids
        shuffled = order("order", ids, seed=self.seed, epoch=epoch)
        for step in range(start, self.steps):
            chosen = shuffled[step * self.batch : (step + 1) * self.batch]
            index = torch.from_numpy(chosen)
            images = augment(shallow(self.store.images[index]), ids[chosen], seed=self.seed, epoch=epoch)
            yield Batch(self.preprocess.normalise(images), self.store.labels[index])

    def evaluation(self) -> Iterator[Batch]:
        """Yield every picture once, in order and unchanged."""
        for images, labels in zip(
            self.store.images.split(self.batch), self.store.labels.split(self.batch), strict=True
        ):
            yield Batch(self.preprocess.normalise(images), labels)
