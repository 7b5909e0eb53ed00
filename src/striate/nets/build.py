"""Builds a network by its name in the catalogue."""

from torch import nn

from striate.errors import unknown
from striate.nets.catalog.catalog import CATALOG


def build(name: str, *, num_classes: int | None = None, in_channels: int | None = None) -> nn.Module:
    """Make a network of the catalogue with fresh weights; classes and channels default to the paper's.

    Raises UsageError for a name that is not in the catalogue.
    """
    if name not in CATALOG:
        raise unknown("network", name, CATALOG)
    entry = CATALOG[name]
    classes = entry.num_classes if num_classes is None else num_classes
    channels = entry.input[0] if in_channels is None else in_channels
    return entry.make(classes, in_channels=channels, **entry.settings)
