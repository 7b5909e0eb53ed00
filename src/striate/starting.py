"""The weights a network starts from: whether they are there, and the normalisation that belongs to them."""

import json
from collections.abc import Sequence
from pathlib import Path

from striate.data.store import Store, mean_and_std
from striate.errors import DataError
from striate.nets.catalog import CATALOG
from striate.nets.published import PUBLISHED, published


def normalisation(
    net: str, weights: str | None, channels: int, store: Store
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation: those the given weights were trained with where they are known, else the pictures'.

    They are known of the published weights, and of a file with a config.json beside it, as every run's model/ has.
    """
    if net in CATALOG and CATALOG[net].unit_pixels:
        return (0.0,) * channels, (1.0,) * channels
    beside = None if weights in (None, "imagenet") else _stated_beside(Path(weights))
    if beside is not None:
        return _of_channels(beside[0], channels), _of_channels(beside[1], channels)
    if weights and net in PUBLISHED:
        return _of_channels(PUBLISHED[net].mean, channels), _of_channels(PUBLISHED[net].std, channels)
    return mean_and_std(store)


def _stated_beside(weights: Path) -> tuple[list[float], list[float]] | None:
    """Return mean and deviation of a config.json beside a weights file, or None where it does not say them."""
    try:
        values = json.loads(weights.with_name("config.json").read_text(encoding="utf-8"))["pretrained_cfg"]
        mean, std = ([float(value) for value in values[name]] for name in ("mean", "std"))
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is another program's
        return None
    return (mean, std) if mean and std and min(std) > 0 else None


def _of_channels(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Return one value a channel; where the counts differ, their mean in each."""
    return tuple(values) if len(values) == channels else (sum(values) / len(values),) * channels


def refuse_missing_weights(net: str, weights: str | None) -> None:
    """Raise before anything is read where the weights to start from are not there."""
    if weights == "imagenet":
        published(net)
    elif weights is not None and not Path(weights).is_file():
        raise DataError(
            f"{weights}: no such file. Give a .safetensors or .pth file as weights, or 'imagenet'."
        )


def place_of_weights(weights: str | None) -> str:
    """Return how a recipe names the weights a network starts from."""
    return "" if weights is None else weights if weights == "imagenet" else str(Path(weights).resolve())
