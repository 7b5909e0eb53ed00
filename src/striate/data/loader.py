"""Batches of one split: shuffled and augmented by counted randomness for training, in order for evaluation."""

from collections.abc import Callable, Generator
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
from striate.data.share import WHOLE, Share
from striate.data.store import Store

PROCESSOR = torch.device("cpu")
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
    larger than memory is read from the disk once an epoch. `share` is the part of every batch that is made: the
    parts of all shares together are the batch, whatever their number. `device` is where batches are handed out: they go
    there as bytes, and are normalised there, and augmented too where that is only to move whole pixels.
    """

    store: Store
    preprocess: Preprocess
    batch: int
    seed: int = 0
    threads: int = 0
    layout: torch.memory_format = torch.contiguous_format
    paged: bool = False
    sampling: str = "natural"
    share: Share = WHOLE
    device: torch.device = PROCESSOR

    @property
    def steps(self) -> int:
        """The batches of a training epoch: a last one under half a batch is left out, unless it is the only one."""
        return max(1, (len(self.store) + self.batch // 2) // self.batch)

    def count(self, step: int) -> int:
        """Return how many pictures the batch of a step has, counted from the start of a run, in all shares together."""
        place = step % self.steps * self.batch
        return min(self.batch, len(self.store) - place)

    def training(
        self, epoch: int, *, augment: Augment, mix: Mix | None = None, start: int = 0
    ) -> Generator[Batch, None, None]:
        """Yield the shuffled, augmented and perhaps mixed batches of one epoch from batch `start` on."""
        every_place, every_id = self._sample(epoch)
        mix = mix or Mix()

        def make(step: int) -> Batch:
            some = slice(step * self.batch, (step + 1) * self.batch)
            places, ids = every_place[some], every_id[some]
            part = self.share.part(len(ids))
            sources = mix.sources(ids, part, seed=self.seed, epoch=epoch)
            images = self.store.take(places[sources])
            if self.device.type != "cpu" and not mix and augment.moves_whole_pixels:
                images = self._moved(images)
            images = augment(images, ids[sources], seed=self.seed, epoch=epoch, size=self.preprocess.size)
            labels = self.store.labels[places[sources]]
            return self._batch(*mix(images, labels, ids, part=part, seed=self.seed, epoch=epoch))

        return self._made(make, range(start, self.steps))

    def evaluation(self) -> Generator[Batch, None, None]:
        """Yield every picture of the share once, in order and unchanged.

        The shares are of one length, for which the last picture is repeated in the last of them: one after another
        and cut off at the length of the store, they are the store.
        """
        chosen = self.share.padded(len(self.store))

        def make(start: int) -> Batch:
            some = chosen[start : start + self.batch]
            return self._batch(self.store.take(some), self.store.labels[some])

        return self._made(make, range(0, len(chosen), self.batch))

    def _batch(self, images: Tensor, labels: Tensor) -> Batch:
        # Put in order while still bytes, a quarter of what is moved afterwards.
        images = self._moved(images).contiguous(memory_format=self.layout)
        if self.layout == torch.contiguous_format:
            # Of one channel both orders are the same bytes, and convolutions go by the strides they are told.
            images = images.flatten().view(images.shape)
        return Batch(self.preprocess.normalise(images), self._moved(labels))

    def _moved(self, values: Tensor) -> Tensor:
        """Return values on the device; the copy goes on while the next batch is made."""
        if values.device.type == self.device.type or self.device.type != "cuda":
            return values.to(self.device)
        return values.pin_memory().to(self.device, non_blocking=True)

    def _made(self, make: Callable[[int], Batch], places: range) -> Generator[Batch, None, None]:
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
