"""Finding all pairs of vectors within a radius (their reach), without comparing every pair or storing all distances.

Vectors are sorted into blocks by a k-d tree (Bentley, Multidimensional Binary Search Trees Used for Associative
Searching, 1975). Two blocks whose bounding boxes are farther apart than the reach of either are skipped; the others are
compared whole, as one matrix product. The search is exact: no pair within reach is missed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

BLOCK = 512
# Vectors compared with one block at a time.
AT_ONCE = 32 * BLOCK
# The most vectors by whose variance the axis to split along is chosen.
LOOKED_AT = 512
# `crowding` uses a sample of this many vectors, and the distances to the 8th and the 32nd nearest of them.
SAMPLE = 1024
NEAR, FAR = 8, 32
# The rounding error of a distance that is computed from a dot product.
SLACK = 1e-3


class Pairs(NamedTuple):
    """Pairs of positions (P,) with first < second, and their distances (P,)."""

    first: Indices
    second: Indices
    distance: Floats


@dataclass(frozen=True)
class Vectors:
    """Unit vectors, stored as int8 values (N, D) and a factor (N,) that scales each to length one."""

    values: NDArray[np.int8]
    factors: Floats

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, chosen: slice | Indices) -> Floats:
        unit: Floats = self.values[chosen] * self.factors[chosen, None]
        return unit

    def take(self, chosen: Indices) -> "Vectors":
        """Return the vectors at these positions."""
        return Vectors(self.values[chosen], self.factors[chosen])


def unit_vectors(values: NDArray[np.int8]) -> Vectors:
    """Return rows of integers scaled to unit vectors; a row of zeros stays zero."""
    squares = np.einsum("ij,ij->i", values, values, dtype=np.float32)
    return Vectors(values, 1 / np.sqrt(np.maximum(squares, 1), dtype=np.float32))


def near_pairs(
    vectors: Vectors, reach: Floats, *, advance: Callable[[int], None] = lambda count: None
) -> Pairs:
    """Return every pair of vectors within the reach (N,) of both; `advance` is called with numbers of vectors done."""
    found = [Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))]
    if len(vectors):
        order, starts = _sorted_into_blocks(vectors)
        tree = Tree(vectors.take(order), reach[order], starts)
        for block, (start, stop) in enumerate(pairwise(starts.tolist())):
            found += tree.pairs_of(block)
            advance(stop - start)
    pairs = joined_pairs(*found)
    first, second = (order[pairs.first], order[pairs.second]) if len(vectors) else (pairs.first, pairs.second)
    return Pairs(np.minimum(first, second), np.maximum(first, second), pairs.distance)


def joined_pairs(*parts: Pairs) -> Pairs:
    """Return the concatenation of several sets of pairs."""
    return Pairs(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.distance for part in parts]),
    )


def crowding(vectors: Vectors) -> Floats:
    """Return the distance (N,) at which each vector's nearest neighbour would be expected if there were no copies.

    It is estimated from the distance to the 8th nearest vector of a sample, so that a few copies do not matter, and
    extrapolated from the sample to all vectors by their intrinsic dimension (Levina and Bickel, Maximum Likelihood
    Estimation of Intrinsic Dimension, 2004). With 32 vectors or fewer it is infinite.
    """
    count = len(vectors)
    if count <= FAR:
        return np.full(count, np.inf, np.float32)
    chosen = np.sort(np.random.default_rng(0).permutation(count)[:SAMPLE])
    sample = vectors[chosen].T
    ranked = np.empty((count, 2), np.float32)
    for start in range(0, count, AT_ONCE):
        here = np.arange(start, min(start + AT_ONCE, count))
        likeness = vectors[here] @ sample
        likeness[here[:, None] == chosen] = -1
        ranked[here] = np.partition(likeness, (-FAR, -NEAR), axis=1)[:, [-NEAR, -FAR]]
    near, far = np.sqrt(np.maximum(2 - 2 * ranked, 1e-12)).T
    growth = max(float(np.median(np.log(far / near))), 1e-6)
    dimension = np.clip(np.log(FAR / NEAR) / growth, 2, 40)
    crowd: Floats = near * np.float32((len(chosen) / (NEAR * count)) ** (1 / dimension))
    return crowd


class Tree:
    """The leaves of a k-d tree: vectors in an order that keeps near ones together, in blocks with bounding boxes."""

    def __init__(self, vectors: Vectors, reach: Floats, starts: Indices) -> None:
        self._vectors, self._reach, self._starts = vectors, reach, starts
        blocks = [vectors[start:stop] for start, stop in pairwise(starts)]
        self._low = np.array([block.min(axis=0) for block in blocks])
        self._high = np.array([block.max(axis=0) for block in blocks])
        self._farthest = np.maximum.reduceat(reach, starts[:-1])

    def pairs_of(self, block: int) -> Iterator[Pairs]:
        """Yield the pairs within reach among a block's vectors, and between them and those of later blocks."""
        start, stop = self._starts[block : block + 2]
        own, reach = self._vectors[start:stop], self._reach[start:stop]
        # Unit vectors at distance d have a dot product (likeness) of 1 - d^2 / 2.
        alike = 1 - (reach + SLACK) ** 2 / 2
        others = self._neighbours(block)[1:]
        # The block itself first and alone, since there every row has a likeness of one, with itself.
        parts = np.array_split(others, -(-len(others) * BLOCK // AT_ONCE) or 1)
        for some in [np.array([block]), *parts]:
            if not len(some):
                continue
            theirs = np.concatenate([np.arange(*self._starts[b : b + 2]) for b in some])
            likeness = own @ self._vectors[theirs].T
            rows = np.flatnonzero(likeness.max(axis=1) >= alike)
            if not len(rows):
                continue
            row, column = np.nonzero(likeness[rows] >= alike[rows, None])
            first, second = start + rows[row], theirs[column]
            # Computed again from differences, since 1 - likeness loses precision where likeness is near one.
            distance = np.linalg.norm(self._vectors[first] - self._vectors[second], axis=1)
            near = (first < second) & (distance <= np.minimum(self._reach[first], self._reach[second]))
            yield Pairs(first[near], second[near], distance[near])

    def _neighbours(self, block: int) -> Indices:
        """Return the block and the later blocks whose bounding boxes are within reach of its own."""
        below = self._low[block:] - self._high[block]
        above = self._low[block] - self._high[block:]
        gap = np.maximum(np.maximum(below, above), 0)
        limit = np.minimum(self._farthest[block], self._farthest[block:]) + SLACK
        return block + np.flatnonzero(np.einsum("ij,ij->i", gap, gap) <= limit**2)


def _sorted_into_blocks(vectors: Vectors) -> tuple[Indices, Indices]:
    """Halve the vectors repeatedly along the axis of largest variance; return their order and the starts of blocks."""
    order = np.arange(len(vectors))
    starts = [0]
    waiting = [(0, len(vectors))]
    while waiting:
        start, stop = waiting.pop()
        if stop - start <= BLOCK:
            starts.append(stop)
            continue
        mine = order[start:stop]
        axis = int(vectors[mine[:: -(-len(mine) // LOOKED_AT)]].var(axis=0).argmax())
        half = len(mine) // 2
        order[start:stop] = mine[np.argpartition(vectors.values[mine, axis] * vectors.factors[mine], half)]
        waiting += [(start + half, stop), (start, start + half)]
    return order, np.array(starts)
