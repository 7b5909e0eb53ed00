"""Pictures that stand in a data set more than once: byte for byte, or saved anew, resized or recoloured a little."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from striate.data.audit.similarity import Indices, Pairs, crowding, joined_pairs, near_pairs, unit_vectors
from striate.pictures.fingerprint import ACROSS, COLOUR, DOWN, GREY, STEPS
from striate.progress import Progress, Silent

Kind = Literal["exact", "near"]

# Two pictures are the same if they are nearer than this share of how near strangers come in this data set ...
SHARE, COARSE_SHARE = 0.36, 0.6
# ... but always below the one distance and never above the other. Unlike photographs lie 0.5 to 1.4 apart.
SURE, FARTHEST = 0.03, 0.3
# Pictures of a shorter side than WHOLE pixels are compared by the frequencies under FEW alone, which resizing leaves
# them, and those under TINY not at all.
WHOLE, TINY, FEW = 20, 8, 5
# A picture with less contrast than this, as the length of its vector in roots of grey levels, is as good as blank.
BLANK = 1.0
# How far means and colours may lie apart, in grey levels. A picture without colour may be a copy of one with, if its
# shapes are surely the same.
MEAN_APART, COLOUR_APART, COLOURLESS, GREY_COPY = 60, 16, 2, 0.1


@dataclass(frozen=True)
class Group:
    """Positions of pictures that are one: of the same content, or some of them only nearly the same."""

    kind: Kind
    members: tuple[int, ...]


@dataclass(frozen=True)
class Duplicates:
    """The groups of a data set, exact ones first; a near group holds every exact copy of its members too."""

    groups: tuple[Group, ...]

    @property
    def exact(self) -> tuple[Group, ...]:
        """The groups of the same content."""
        return tuple(group for group in self.groups if group.kind == "exact")

    @property
    def near(self) -> tuple[Group, ...]:
        """The groups of nearly the same pictures."""
        return tuple(group for group in self.groups if group.kind == "near")


def find_duplicates(
    fingerprints: NDArray[np.uint8], digests: NDArray[np.uint8], *, progress: Progress | None = None
) -> Duplicates:
    """Group pictures by digest (N, 16) and by fingerprint (N, 64).

    Mirrored and turned copies are not found, nor are blank pictures and those under 8 pixels, but by their digest.
    """
    keys = np.ascontiguousarray(digests).view(f"V{digests.shape[1]}").ravel()
    _, first, content = np.unique(keys, return_index=True, return_inverse=True)
    # The number of a content, then the least number of those it is joined to.
    joined = _joined(near_duplicates(fingerprints[first], progress=progress), len(first))
    near = np.bincount(joined, minlength=1)[joined] > 1
    exact = [Group("exact", members) for members in _several(content, np.arange(len(content)))]
    in_near = np.flatnonzero(near[content])
    alike = [Group("near", members) for members in _several(joined[content[in_near]], in_near)]
    return Duplicates((*exact, *alike))


def near_duplicates(fingerprints: NDArray[np.uint8], *, progress: Progress | None = None) -> Pairs:
    """Return the pairs of fingerprints (N, 64) that are of the same picture."""
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
    """Return the near pairs among the frequencies of some pictures."""
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
    """Say of pairs whether their means and colours allow them to be one picture."""
    one, other = fingerprints[pairs.first], fingerprints[pairs.second]
    means = np.abs(one[:, 1].astype(np.int16) - other[:, 1]) <= MEAN_APART
    a, b = (2 * each[:, COLOUR].copy().view(np.int8).astype(np.int16) for each in (one, other))
    alike = np.abs(a - b).max(axis=1, initial=0) <= COLOUR_APART
    strength = np.minimum(np.abs(a).max(axis=1, initial=0), np.abs(b).max(axis=1, initial=0))
    grey = (strength <= COLOURLESS) & (pairs.distance <= GREY_COPY)
    verdict: NDArray[np.bool_] = means & (alike | grey)
    return verdict


def _joined(pairs: Pairs, count: int) -> Indices:
    """Return for each position the first of those it is joined to by pairs, over any number of steps."""
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
    """Return the positions of each label that stands there more than once, by the first of them."""
    often = np.flatnonzero(np.bincount(label, minlength=1)[label] > 1)
    often = often[np.argsort(label[often], kind="stable")]
    runs = np.split(position[often], np.flatnonzero(np.diff(label[often])) + 1)
    return sorted(tuple(run.tolist()) for run in runs if len(run))


def _where(pairs: Pairs, kept: NDArray[np.bool_]) -> Pairs:
    return Pairs(pairs.first[kept], pairs.second[kept], pairs.distance[kept])
