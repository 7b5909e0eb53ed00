"""Stores made of tensors, for tests of what comes after reading."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from striate.data.store.rows import HeldRows
from striate.data.store.store import Store
from striate.sources.names import Names


def store_of(images: Tensor, labels: Tensor, names: Iterable[str] | None = None) -> Store:
    """Return a store of images (N, C, H, W) uint8; without names they are numbered."""
    count = len(images)
    named = Names(map(str, range(count)) if names is None else names)
    rows = HeldRows(images.permute(0, 2, 3, 1).contiguous().numpy(), np.arange(count))
    return Store(rows, labels, named, np.zeros((count, 16), np.uint8))


def same(one: Store, other: Store) -> bool:
    """Say whether two stores hold the same, bit for bit."""
    return (
        torch.equal(one.images, other.images)
        and torch.equal(one.labels, other.labels)
        and one.names == other.names
        and np.array_equal(one.digests, other.digests)
        and one.bad == other.bad
    )
