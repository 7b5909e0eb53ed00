"""Counter-based random numbers: every draw is a function of (seed, epoch, sample, purpose), not of earlier draws.

So order, augmentation and dropout do not depend on the number of threads, on a crash or on skipped files.
"""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint64]

# The increment of splitmix64: 2^64 over the golden ratio.
STRIDE = np.uint64(0x9E3779B97F4A7C15)

Indices = NDArray[np.int64]


def sample_id(name: str) -> int:
    """Return the 64-bit id of a sample, a hash of its name in the data set."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest())


def ids_of(names: Collection[str]) -> Ids:
    """Return the 64-bit id of the sample of each name."""
    return np.fromiter(map(sample_id, names), np.uint64, count=len(names))


def places_of(ids: Ids, among: Ids) -> NDArray[np.int64]:
    """Return the position of each id in `among`, the last one if it is there several times, -1 if it is not there."""
    if len(among) == 0:
        return np.full(len(ids), -1)
    rising = np.argsort(among, kind="stable")
    places = rising[np.searchsorted(among[rising], ids, side="right") - 1]
    return np.where(among[places] == ids, places, -1)


def key(purpose: str, *, seed: int, epoch: int = 0, step: int = 0) -> int:
    """Return a 63-bit seed for one purpose at one epoch and step of a run."""
    text = f"{purpose}/{seed}/{epoch}/{step}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1


def uniform(purpose: str, ids: Ids, *, seed: int, epoch: int = 0) -> NDArray[np.float64]:
    """Return one uniform number in [0, 1) for each sample."""
    mixed = _mix(_mix(ids) ^ np.uint64(key(purpose, seed=seed, epoch=epoch)))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def order(purpose: str, ids: Ids, *, seed: int, epoch: int = 0) -> NDArray[np.int64]:
    """Return a shuffle of range(len(ids)); leaving a sample out does not change the order of the others."""
    return np.argsort(uniform(purpose, ids, seed=seed, epoch=epoch), kind="stable")


@dataclass(frozen=True)
class Draws:
    """The random numbers of some samples in one epoch of a run, by purpose."""

    ids: Ids
    seed: int
    epoch: int

    def __len__(self) -> int:
        return len(self.ids)

    def uniform(self, purpose: str) -> NDArray[np.float64]:
        """Return one uniform number in [0, 1) for each sample."""
        return uniform(purpose, self.ids, seed=self.seed, epoch=self.epoch)

    def between(self, purpose: str, low: float, high: float) -> NDArray[np.float64]:
        """Return one uniform number in [low, high) for each sample."""
        return low + (high - low) * self.uniform(purpose)

    def whole(self, purpose: str, count: int | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return one integer in range(count) for each sample; `count` is one number, or one for each sample."""
        return (self.uniform(purpose) * count).astype(np.int64)

    def noise(self, purpose: str, sample: int, count: int) -> NDArray[np.uint8]:
        """Return `count` random bytes for the sample at position `sample`."""
        start = _mix(self.ids[sample : sample + 1]) ^ np.uint64(
            key(purpose, seed=self.seed, epoch=self.epoch)
        )
        steps = np.arange(-(-count // 8), dtype=np.uint64) * STRIDE
        return _mix(_mix(start) + steps).astype("<u8").view(np.uint8)[:count]

    def at(self, chosen: NDArray[np.int64]) -> "Draws":
        """Return the draws of the samples at these positions."""
        return Draws(self.ids[chosen], self.seed, self.epoch)


def _mix(x: Ids) -> Ids:
    """Apply one step of splitmix64 (Steele, Lea, Flood 2014), a bijection on 64 bits, to each number."""
    x = x + STRIDE
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
