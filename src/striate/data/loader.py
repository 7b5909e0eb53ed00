"""Batches of one split: shuffled and augmented by counted randomness for training, in order for evaluation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from striate.data.ahead import made_ahead
from striate.data.augment import Augment
from striate.data.draw import Ids, order
from striate.data.mix import Mix
from striate.data.preprocess import Preprocess
from striate.data.rows import Indices
from striate.data.sampling import SAMPLINGS
from striate.data.store import Store

# Batches of more values than this are made ahead by threads; smaller ones are made faster than threads take turns.
LARGE = 1 << 20
# Pages of consecutive pictures, and how many are shuffled together, for a set larger than memory.
PAGE, PAGES_TOGETHER = 64, 128


class Batch(NamedTuple):
    """Images (B, C, H, W) float32, normalised; labels as the store has them, or shares (B, K) of the classes."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, kw_only=True)
class Loader:
    """The batches of a store; its whole state is (epoch, position), so any batch can be had again.

    Neither `threads`, which make batches ahead, nor `layout`, the memory order of the images, changes a value.
    `paged` shuffles pages of consecutive pictures, and the pictures of a number of pages at a time, so that a set
    larger than memory is read from the disk once an epoch.
    """

    store: Store
    preprocess: Preprocess
    batch: int
    seed: int = 0
    threads: int = 0
    layout: torch.memory_format = torch.contiguous_format
    paged: bool = False
    sampling: str = "natural"

    @property
    def steps(self) -> int:
        """The batches of a training epoch: a last one under half a batch is left out, unless it is the only one."""
        return max(1, (len(self.store) + self.batch // 2) // self.batch)

    def training(
        self, epoch: int, *, augment: Augment, mix: Mix | None = None, start: int = 0
    ) -> Iterator[Batch]:
        """Yield the shuffled, augmented and perhaps mixed batches of one epoch from batch `start` on."""
        places, ids = self._sample(epoch)

        def make(step: int) -> Batch:
            some = slice(step * self.batch, (step + 1) * self.batch)
            images = self.store.take(places[some])
            images = augment(images, ids[some], seed=self.seed, epoch=epoch, size=self.preprocess.size)
            labels = self.store.labels[places[some]]
            if mix:
                images, labels = mix(images, labels, ids[some], seed=self.seed, epoch=epoch)
            return self._batch(images, labels)

        return self._made(make, range(start, self.steps))

    def evaluation(self) -> Iterator[Batch]:
        """Yield every picture once, in order and unchanged."""

        def make(start: int) -> Batch:
            chosen = np.arange(start, min(start + self.batch, len(self.store)))
            return self._batch(self.store.take(chosen), self.store.labels[chosen])

        return self._made(make, range(0, len(self.store), self.batch))

    def _batch(self, images: Tensor, labels: Tensor) -> Batch:
        # Put in order while still bytes, a quarter of what is moved afterwards.
        images = images.contiguous(memory_format=self.layout)
        return Batch(self.preprocess.normalise(images), labels)

    def _made(self, make: Callable[[int], Batch], places: range) -> Iterator[Batch]:
        values = self.batch * int(np.prod(self.preprocess.shape))
        return made_ahead(make, places, threads=self.threads if values > LARGE else 0)

    def _sample(self, epoch: int) -> tuple[Indices, Ids]:
        """Return the place of each picture of an epoch, and the id its augmentation is drawn by."""
        ids = self.store.ids
        if self.paged:
            places = paged_order(ids, seed=self.seed, epoch=epoch)
            return places, ids[places]
        return SAMPLINGS[self.sampling](self.store.labels.numpy(), ids, seed=self.seed, epoch=epoch)


def paged_order(ids: Ids, *, seed: int, epoch: int) -> Indices:
    """Return a shuffle that reads PAGES_TOGETHER pages of PAGE consecutive pictures at a time.

    Pages are known by their first picture, so that this too is a function of what is there, not of what was drawn.
    """
    pages = order("pages", ids[::PAGE], seed=seed, epoch=epoch)
    shuffled = []
    for start in range(0, len(pages), PAGES_TOGETHER):
        starts = pages[start : start + PAGES_TOGETHER] * PAGE
        together = (starts[:, None] + np.arange(PAGE)).ravel()
        together = together[together < len(ids)]
        shuffled.append(together[order("order", ids[together], seed=seed, epoch=epoch)])
    return np.concatenate(shuffled) if shuffled else np.arange(0)
