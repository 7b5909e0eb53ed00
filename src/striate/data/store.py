"""The decoded pictures of one split, in memory: each file is read and decoded once, before training."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.decode import BadPicture
from striate.data.draw import Ids, sample_id
from striate.data.header import is_animated
from striate.data.pictures import Encoded, Pictures
from striate.data.pixels import TOP
from striate.data.preprocess import Preprocess
from striate.data.progress import Progress

# Pictures handed to the threads at a time, so that a large set is not queued whole.
CHUNK = 512


@dataclass(frozen=True)
class Bad:
    """A picture that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Store:
    """Pixels (N, C, H, W) uint8 or uint16, labels (N,) int64, and for each picture its name, id and content digest."""

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]
    digests: tuple[str, ...]
    bad: tuple[Bad, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def ids(self) -> Ids:
        """The identity of each picture for counted randomness."""
        return ids_of(self.names)


class Outcome(NamedTuple):
    """What came of one picture: its digest, why it failed or nothing, and whether it is an animation."""

    digest: str = ""
    reason: str = ""
    animated: bool = False


def ids_of(names: tuple[str, ...]) -> Ids:
    """Return the 64-bit identity of each name."""
    return np.fromiter((sample_id(name) for name in names), np.uint64, count=len(names))


def fill(pictures: Pictures, preprocess: Preprocess, *, threads: int, progress: Progress) -> Store:
    """Read and decode every picture with a pool of threads; those that cannot be decoded are listed in `bad`."""
    shape = (len(pictures), preprocess.channels, *preprocess.size)
    images = torch.empty(shape, dtype=torch.uint8 if preprocess.depth == 8 else torch.uint16)
    target = images.numpy()

    def load(index: int) -> Outcome:
        """Decode one picture into its place."""
        digest = ""
        try:
            encoded = pictures.read(index)
            digest = digest_of(encoded)
            target[index] = preprocess.pixels(encoded)
        except BadPicture as error:
            return Outcome(digest, str(error))
        except OSError as error:
            return Outcome(digest, error.strerror or type(error).__name__)
        return Outcome(digest, animated=is_animated(encoded))

    outcomes = []
    for outcome in _in_order(load, len(pictures), threads):
        outcomes.append(outcome)
        progress.advance(1)
    if moving := [pictures.name(i) for i, outcome in enumerate(outcomes) if outcome.animated]:
        progress.say(f"note: of {len(moving)} animations only the first frame is taken; one is {moving[0]}")
    kept = [i for i, outcome in enumerate(outcomes) if not outcome.reason]
    return Store(
        images if len(kept) == len(outcomes) else images[kept],
        torch.from_numpy(pictures.labels[kept]),
        tuple(pictures.name(i) for i in kept),
        tuple(outcomes[i].digest for i in kept),
        tuple(Bad(pictures.name(i), o.reason) for i, o in enumerate(outcomes) if o.reason),
    )


def digest_of(encoded: Encoded) -> str:
    """Return the 128-bit digest, in hexadecimal, by which a picture is known again."""
    content = encoded if isinstance(encoded, bytes) else np.ascontiguousarray(encoded).data
    return blake2b(content, digest_size=16).hexdigest()


def mean_and_std(images: NDArray[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return each channel's mean and standard deviation of pixels (N, C, H, W), scaled to 0..1 and rounded."""
    means, stds = [], []
    top = TOP[8 if images.dtype == np.uint8 else 16]
    values = np.arange(top + 1) / top
    for channel in range(images.shape[1]):
        counts = np.bincount(images[:, channel].ravel(), minlength=top + 1) / images[:, channel].size
        mean = float(counts @ values)
        means.append(round(mean, 4))
        stds.append(max(round(float(counts @ (values - mean) ** 2) ** 0.5, 4), 0.01))
    return tuple(means), tuple(stds)


def _in_order(load: Callable[[int], Outcome], total: int, threads: int) -> Iterator[Outcome]:
    """Yield load(0), load(1), ... as computed by a pool of threads."""
    indices = iter(range(total))
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        while chunk := list(islice(indices, CHUNK)):
            yield from pool.map(load, chunk)
