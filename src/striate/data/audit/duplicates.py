"""Finding exact duplicates by digest, and near-duplicates, such as resized copies, by perceptual hash."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from striate.data.audit.similarity import Indices, Pairs, crowding, joined_pairs, near_pairs, unit_vectors
from striate.pictures.fingerprint import ACROSS, COLOUR, DOWN, GREY, STEPS
from striate.progress import Progress, Silent

Kind = Literal["exact", "near"]

# Two pictures are near-duplicates if their distance is under this share of the distance expected between different
# pictures of the data set (see `crowding`); the second share is for pictures that are compared coarsely ...
SHARE, COARSE_SHARE = 0.36, 0.6
# ... but always if it is under SURE, and never if it is over FARTHEST. Different photographs are 0.5 to 1.4 apart.
SURE, FARTHEST = 0.03, 0.3
# Pictures with a shorter side under WHOLE pixels are compared coarsely, by the frequencies under FEW, which resizing
# preserves; those under TINY pixels are not compared.
WHOLE, TINY, FEW = 20, 8, 5
# A picture with less contrast than this (the length of its fingerprint's grey vector, before STEPS) counts as blank.
BLANK = 1.0
# The most that means and colours of near-duplicates may differ, in grey levels. Where one of the two has colours under
# COLOURLESS, the colours may differ by more if the distance is under GREY_COPY: a grey copy of a coloured picture.
MEAN_APART, COLOUR_APART, COLOURLESS, GREY_COPY = 60, 16, 2, 0.1


@dataclass(frozen=True)
class Group:
    """A group of duplicates, by position: all of the same content, or joined by near-duplicate pairs."""

    kind: Kind
    members: tuple[int, ...]


@dataclass(frozen=True)
class Duplicates:
    """The groups of a data set, exact ones first; a near group also includes every exact copy of its members."""

    groups: tuple[Group, ...]

    @property
    def exact(self) -> tuple[Group, ...]:
        """The groups of pictures with the same content."""
        return tuple(group for group in self.groups if group.kind == "exact")

    @property
    def near(self) -> tuple[Group, ...]:
        """The groups that near-duplicate pairs join."""
        return tuple(group for group in self.groups if group.kind == "near")


def find_duplicates(
    fingerprints: NDArray[np.uint8], digests: NDArray[np.uint8], *, progress: Progress | None = None
) -> Duplicates:
    """Group pictures by digest (N, 16) and by fingerprint (N, 64).

    Mirrored and rotated copies are not found. Blank pictures and those under TINY pixels are compared by digest alone.
    """
    keys = np.ascontiguousarray(digests).view(f"V{digests.shape[1]}").ravel()
    _, first, content = np.unique(keys, return_index=True, return_inverse=True)
    # For each distinct content, the lowest index of a content that pairs join it to.
    joined = _joined(near_duplicates(fingerprints[first], progress=progress), len(first))
    near = np.bincount(joined, minlength=1)[joined] > 1
    exact = [Group("exact", members) for members in _several(content, np.arange(len(content)))]
    in_near = np.flatnonzero(near[content])
    alike = [Group("near", members) for members in _several(joined[content[in_near]], in_near)]
    return Duplicates((*exact, *alike))


def near_duplicates(fingerprints: NDArray[np.uint8], *, progress: Progress | None = None) -> Pairs:
    """Return the pairs of near-duplicates among fingerprints (N, 64)."""
    progress = progress or Silent()
    grey = fingerprints[:, GREY].copy().view(np.int8)
    seen = (fingerprints[:, 0] >= TINY) & (_lengths(grey) >= BLANK * STEPS)
    small = seen & (fingerprints[:, 0] < WHOLE)
    pairs = _search(grey, np.flatnonzero(seen & ~small), small, progress)
    if small.any():
        coarse = _search(grey[:, (DOWN < FEW) & (ACROSS < FEW)], np.flatnonzero(seen), small, progress)
        coarse = _where(coarse, small[coarse.first] | small[coarse.second])
        pairs = joined_pairs(pairs, coarse)
    return _where(pairs, _coloured_alike(fingerprints, pairs))


def _search(grey: NDArray[np.int8], chosen: Indices, small: NDArray[np.bool_], progress: Progress) -> Pairs:
    """Return the near-duplicate pairs among the `chosen` pictures by their grey frequencies."""
    vectors = unit_vectors(grey[chosen])
    progress.begin("comparing", len(chosen))
    crowd = crowding(vectors)
    widest = COARSE_SHARE if small[chosen].any() else SHARE
    pairs = near_pairs(vectors, np.clip(widest * crowd, SURE, FARTHEST), advance=progress.advance)
    progress.end()
    mixed = small[chosen[pairs.first]] != small[chosen[pairs.second]]
    nearest = np.minimum(crowd[pairs.first], crowd[pairs.second])
    pairs = _where(pairs, pairs.distance <= np.maximum(np.where(mixed, COARSE_SHARE, SHARE) * nearest, SURE))
    return Pairs(chosen[pairs.first], chosen[pairs.second], pairs.distance)


def _lengths(grey: NDArray[np.int8]) -> NDArray[np.float32]:
    return np.sqrt(np.einsum("ij,ij->i", grey, grey, dtype=np.float32))


def _coloured_alike(fingerprints: NDArray[np.uint8], pairs: Pairs) -> NDArray[np.bool_]:
    """Say for each pair whether mean and colours are similar enough for near-duplicates."""
    one, other = fingerprints[pairs.first], fingerprints[pairs.second]
    means = np.abs(one[:, 1].astype(np.int16) - other[:, 1]) <= MEAN_APART
    a, b = (2 * each[:, COLOUR].copy().view(np.int8).astype(np.int16) for each in (one, other))
    alike = np.abs(a - b).max(axis=1, initial=0) <= COLOUR_APART
    strength = np.minimum(np.abs(a).max(axis=1, initial=0), np.abs(b).max(axis=1, initial=0))
    grey = (strength <= COLOURLESS) & (pairs.distance <= GREY_COPY)
    verdict: NDArray[np.bool_] = means & (alike | grey)
    return verdict


def _joined(pairs: Pairs, count: int) -> Indices:
    """Return for each position the lowest position in its connected component of the graph of pairs."""
    label = np.arange(count)
    while True:
        least = np.minimum(label[pairs.first], label[pairs.second])
        before = label.copy()
        np.minimum.at(label, pairs.first, least)
        np.minimum.at(label, pairs.second, least)
        label = label[label]
        if np.array_equal(label, before):
            return label


def _several(label: Indices, position: Indices) -> list[tuple[int, ...]]:
    """Return the groups of positions that share a label, of two or more, sorted by their first position."""
    often = np.flatnonzero(np.bincount(label, minlength=1)[label] > 1)
    often = often[np.argsort(label[often], kind="stable")]
    runs = np.split(position[often], np.flatnonzero(np.diff(label[often])) + 1)
    return sorted(tuple(run.tolist()) for run in runs if len(run))


def _where(pairs: Pairs, kept: NDArray[np.bool_]) -> Pairs:
    return Pairs(pairs.first[kept], pairs.second[kept], pairs.distance[kept])
