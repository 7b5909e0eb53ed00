"""All pairs of vectors nearer than their reach, without comparing every pair and in memory that pairs do not fill.

Vectors are sorted into blocks by a tree of halves (Bentley, Multidimensional Binary Search Trees Used for Associative
Searching, 1975). Two blocks whose bounding boxes are farther apart than either reaches are never compared; the others
are compared whole, as one product of matrices. No pair within reach is missed.
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
# Vectors from which the axis to halve along is chosen.
LOOKED_AT = 512
# The crowd round a vector is measured on this many others, by the distance of the eighth and the thirty-second of them.
SAMPLE = 1024
NEAR, FAR = 8, 32
# What rounding may do to a distance worked out from a product.
SLACK = 1e-3


class Pairs(NamedTuple):
    """Positions of the two of each pair, first < second, and their distances."""

    first: Indices
    second: Indices
    distance: Floats


@dataclass(frozen=True)
class Vectors:
    """Unit vectors, held as small whole numbers (N, D) int8 and the factor of each that makes it one long."""

    values: NDArray[np.int8]
    factors: Floats

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, chosen: slice | Indices) -> Floats:
        unit: Floats = self.values[chosen] * self.factors[chosen, None]
        return unit

    def take(self, chosen: Indices) -> "Vectors":
        """Return the vectors at some positions."""
        return Vectors(self.values[chosen], self.factors[chosen])


def unit_vectors(values: NDArray[np.int8]) -> Vectors:
    """Return rows of whole numbers as unit vectors; a row of zeros stays one."""
    squares = np.einsum("ij,ij->i", values, values, dtype=np.float32)
    return Vectors(values, 1 / np.sqrt(np.maximum(squares, 1), dtype=np.float32))


def near_pairs(
    vectors: Vectors, reach: Floats, *, advance: Callable[[int], None] = lambda count: None
) -> Pairs:
    """Return every pair of vectors that lies within the reach (N,) of both; `advance` is told of vectors done."""
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
    """Return the pairs of several."""
    return Pairs(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.distance for part in parts]),
    )


def crowding(vectors: Vectors) -> Floats:
    """Return how far the nearest of the other vectors is to be expected from each, were no two of them copies.

    Read off the distance to the eighth nearest of a sample, so that a few copies do not matter, and carried over to
    all of them by the dimension the distances grow by (Levina and Bickel, Maximum Likelihood Estimation of Intrinsic
    Dimension, 2004). Where there are too few others to tell, it is endless.
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
    """Vectors in an order in which near ones stand together, cut into blocks with their bounding boxes."""

    def __init__(self, vectors: Vectors, reach: Floats, starts: Indices) -> None:
        self._vectors, self._reach, self._starts = vectors, reach, starts
        blocks = [vectors[start:stop] for start, stop in pairwise(starts)]
        self._low = np.array([block.min(axis=0) for block in blocks])
        self._high = np.array([block.max(axis=0) for block in blocks])
        self._farthest = np.maximum.reduceat(reach, starts[:-1])

    def pairs_of(self, block: int) -> Iterator[Pairs]:
        """Yield the near pairs of a block's members with each other and with those of later blocks."""
        start, stop = self._starts[block : block + 2]
        own, reach = self._vectors[start:stop], self._reach[start:stop]
        # Distance d of unit vectors is likeness 1 - d^2 / 2.
        alike = 1 - (reach + SLACK) ** 2 / 2
        others = self._neighbours(block)[1:]
        # With itself first and alone, since there every row has a likeness of one.
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
            # Taken anew from the differences, since one minus a likeness near one has few digits left.
            distance = np.linalg.norm(self._vectors[first] - self._vectors[second], axis=1)
            near = (first < second) & (distance <= np.minimum(self._reach[first], self._reach[second]))
            yield Pairs(first[near], second[near], distance[near])

    def _neighbours(self, block: int) -> Indices:
        """Return the block and the later ones that its members may reach, and that may reach them."""
        below = self._low[block:] - self._high[block]
        above = self._low[block] - self._high[block:]
        gap = np.maximum(np.maximum(below, above), 0)
        limit = np.minimum(self._farthest[block], self._farthest[block:]) + SLACK
        return block + np.flatnonzero(np.einsum("ij,ij->i", gap, gap) <= limit**2)


def _sorted_into_blocks(vectors: Vectors) -> tuple[Indices, Indices]:
    """Halve the vectors along the axis of most spread, again and again; return their order and the blocks' starts."""
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
