"""Small data sets on disk, and what is read of them, by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from striate.data.store.store import fill
from striate.errors import DataError
from striate.pictures.preprocess import Preprocess
from striate.progress import Silent
from striate.sources.opening import open_source
from striate.sources.source import Source

PREPROCESS = Preprocess(size=(4, 4), channels=3, mean=(), std=())


def colour(number: int) -> tuple[int, int, int]:
    """Return the colour by which the picture of a number is known again."""
    return number, 255 - number, number // 2


def draw(root: Path, *files: str) -> Path:
    """Write a picture at each path below a root, in the colour of its place in the list."""
    for number, name in enumerate(files):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), colour(number)).save(path, "PNG")
    return root


def told(source: Source, split: str = "all") -> dict[str, Any]:
    """Return what is known of each picture of a split: its class, its labels or its numbers."""
    pictures = source.splits[split]
    names = [pictures.name(i) for i in range(len(pictures))]
    return {name: _words(source, label) for name, label in zip(names, pictures.labels, strict=True)}


def decoded(source: Source, split: str = "all") -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Read a split as training does, and return of each picture what is known and the colour of its first pixel."""
    store = fill(source.splits[split], PREPROCESS, threads=2, progress=Silent())
    assert store.bad == ()
    pixels = store.images.numpy()[:, :, 0, 0]
    return {
        name: (_words(source, label), tuple(map(int, pixel)))
        for name, label, pixel in zip(store.names, store.labels.numpy(), pixels, strict=True)
    }


def refusal(path: Path | str) -> str:
    """Return the text with which a data set is refused."""
    with pytest.raises(DataError) as caught:
        open_source(path)
    return str(caught.value)


def _words(source: Source, label: Any) -> Any:
    if source.task == "classification":
        assert label.dtype == np.int64
        return source.classes[label]
    if source.task == "multi-label":
        assert label.dtype == np.uint8
        assert set(label.tolist()) <= {0, 1}
        return {name for name, fits in zip(source.classes, label, strict=True) if fits}
    assert label.dtype == np.float32
    return dict(zip(source.classes, label.tolist(), strict=True))
