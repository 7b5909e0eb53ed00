"""Batches of one split: shuffled and augmented for training, in order and unchanged for evaluation."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from striate.data.augment.augment import Augment
from striate.data.augment.mix import Mix
from striate.data.draw import Ids, Indices, order
from striate.data.sampling import SAMPLINGS
from striate.data.store.store import Store
from striate.host.threads import made_ahead
from striate.pictures.preprocess import Preprocess

PROCESSOR = torch.device("cpu")
# Batches of more values than this are prefetched by threads; for smaller ones a hand-over costs more than it saves.
LARGE = 1 << 20
# For data sets larger than memory: pictures of a page, and pages whose pictures are shuffled together.
PAGE, PAGES_TOGETHER = 64, 128


@dataclass(frozen=True)
class Share:
    """The part of a batch or a data set that one process works on: number `index` of `count` nearly equal parts."""

    index: int = 0
    count: int = 1

    def part(self, total: int) -> slice:
        """Return the slice of `total` consecutive items in this share; each item is in exactly one share."""
        return slice(total * self.index // self.count, total * (self.index + 1) // self.count)

    def padded(self, total: int) -> Indices:
        """Return this share's positions out of range(total), as many as in every other share.

        Concatenated, the shares are range(total) followed by repeats of its last position as padding.
        """
        each = -(-total // self.count)
        return np.minimum(np.arange(self.index * each, (self.index + 1) * each), total - 1)


WHOLE = Share()


class Batch(NamedTuple):
    """Images (B, C, H, W) float32, normalised; labels as in the store or, if mixed, weights (B, K) of the classes."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, kw_only=True)
class Loader:
    """The batches of a store; it has no state but (epoch, position), so any batch can be made again.

    Neither `threads`, which prefetch batches, nor `layout`, the memory format of the images, changes a value. `paged`
    shuffles pages of consecutive pictures, then the pictures within a number of pages, so that a data set larger than
    memory is read from the disk once an epoch. `share` is the part of each batch that is made; together the shares make
    the same batch whatever their number. `device` is where batches end up: images are moved before they are normalised,
    and even before they are augmented if that only moves whole pixels and nothing is mixed.
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
        """The number of batches in a training epoch; a last one under half full is dropped, unless it is the only."""
        return max(1, (len(self.store) + self.batch // 2) // self.batch)

    def count(self, step: int) -> int:
        """Return the size of the batch at a step counted from the start of a run, over all shares."""
        place = step % self.steps * self.batch
        return min(self.batch, len(self.store) - place)

    def training(
        self, epoch: int, *, augment: Augment, mix: Mix | None = None, start: int = 0
    ) -> Generator[Batch, None, None]:
        """Yield the shuffled, augmented and, with `mix`, mixed batches of one epoch, from batch `start` on."""
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
        """Yield the pictures of the share in order and without augmentation.

        All shares have equally many pictures, for which the last shares are padded with the store's last picture:
        concatenated and cut to the length of the store, the shares are the store.
        """
        chosen = self.share.padded(len(self.store))

        def make(start: int) -> Batch:
            some = chosen[start : start + self.batch]
            return self._batch(self.store.take(some), self.store.labels[some])

        return self._made(make, range(0, len(chosen), self.batch))

    def _batch(self, images: Tensor, labels: Tensor) -> Batch:
        # Reordered before normalising, while a value is one byte and not four.
        images = self._moved(images).contiguous(memory_format=self.layout)
        if self.layout == torch.contiguous_format:
            # With one channel both formats are the same bytes, but convolutions choose their format by the strides.
            images = images.flatten().view(images.shape)
        return Batch(self.preprocess.normalise(images), self._moved(labels))

    def _moved(self, values: Tensor) -> Tensor:
        """Return values on the device; a copy to a GPU is asynchronous."""
        if values.device.type == self.device.type or self.device.type != "cuda":
            return values.to(self.device)
        return values.pin_memory().to(self.device, non_blocking=True)

    def _made(self, make: Callable[[int], Batch], places: range) -> Generator[Batch, None, None]:
        values = self.batch * int(np.prod(self.preprocess.shape))
        return made_ahead(make, places, threads=self.threads if values > LARGE else 0)

    def _sample(self, epoch: int) -> tuple[Indices, Ids]:
        """Return the position of each picture of an epoch in the store, and the id that its augmentation depends on."""
        ids = self.store.ids
        if self.paged:
            places = paged_order(ids, seed=self.seed, epoch=epoch)
            return places, ids[places]
        return SAMPLINGS[self.sampling](self.store.labels.numpy(), ids, seed=self.seed, epoch=epoch)


def paged_order(ids: Ids, *, seed: int, epoch: int) -> Indices:
    """Return a shuffle of range(len(ids)) in groups of PAGES_TOGETHER random pages of PAGE consecutive pictures.

    The draw of a page depends on the id of its first picture, so the order does not depend on earlier draws.
    """
    pages = order("pages", ids[::PAGE], seed=seed, epoch=epoch)
    shuffled = []
    for start in range(0, len(pages), PAGES_TOGETHER):
        starts = pages[start : start + PAGES_TOGETHER] * PAGE
        together = (starts[:, None] + np.arange(PAGE)).ravel()
        together = together[together < len(ids)]
        shuffled.append(together[order("order", ids[together], seed=seed, epoch=epoch)])
    return np.concatenate(shuffled) if shuffled else np.arange(0)
