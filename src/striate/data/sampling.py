"""Sampling an epoch: every picture once, or every class equally often, in shuffled order."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.data.draw import Ids, order

# 2^64 over the golden ratio. A repeated draw has the picture's id plus a multiple of it, which meets no other id but by
# chance.
STRIDE = np.uint64(0x9E3779B97F4A7C15)


class Epoch(NamedTuple):
    """The pictures of an epoch in order: their positions (N,) in the split, and an id (N,) for each draw.

    A picture that is drawn more than once has a different id each time, so that it is augmented differently.
    """

    places: NDArray[np.int64]
    ids: Ids


def natural(labels: NDArray[Any], ids: Ids, *, seed: int, epoch: int) -> Epoch:
    """Return every picture once, shuffled."""
    return _shuffled(np.arange(len(ids)), ids, seed, epoch)


def balanced(labels: NDArray[Any], ids: Ids, *, seed: int, epoch: int) -> Epoch:
    """Return as many draws as there are pictures, shuffled; the classes' numbers of draws differ by at most one.

    `labels` are class indices (N,), or 0 and 1 (N, K), where the pictures of each label count as a class, and so do
    those without a label. Within a class the pictures' numbers of draws differ by at most one.
    """
    groups = _groups(labels)
    places, identities = [], []
    for number, quota in enumerate(_quotas(len(labels), len(groups), seed, epoch)):
        group, draw = groups[number], np.arange(quota)
        group = group[order("within", ids[group], seed=seed, epoch=epoch)]
        places.append(group[draw % len(group)])
        again = draw // len(group) * len(groups) + number
        identities.append(ids[places[-1]] + again.astype(np.uint64) * STRIDE)
    return _shuffled(np.concatenate(places), np.concatenate(identities), seed, epoch)


# Name -> the function that samples an epoch.
SAMPLINGS: Mapping[str, Callable[..., Epoch]] = {"natural": natural, "balanced": balanced}


def _groups(labels: NDArray[Any]) -> list[NDArray[np.int64]]:
    """Return the positions of the pictures of each class that has any."""
    if labels.ndim == 1:
        by_class = np.argsort(labels, kind="stable")
        return np.split(by_class, np.flatnonzero(np.diff(labels[by_class])) + 1)
    groups = [np.flatnonzero(column) for column in [*labels.T, ~labels.any(1)]]
    return [group for group in groups if len(group)]


def _quotas(draws: int, groups: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the number of draws of each group; which groups get one more is drawn anew in every epoch."""
    lucky = order("quota", np.arange(groups, dtype=np.uint64), seed=seed, epoch=epoch)
    quotas = np.full(groups, draws // groups)
    quotas[lucky[: draws % groups]] += 1
    return quotas


def _shuffled(places: NDArray[np.int64], ids: Ids, seed: int, epoch: int) -> Epoch:
    shuffled = order("order", ids, seed=seed, epoch=epoch)
    return Epoch(places[shuffled], ids[shuffled])
