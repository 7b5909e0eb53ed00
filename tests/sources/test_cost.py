"""What a file costs the process: a million of them shall fit beside a network."""

import gc
import os
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from striate.data.augment.augment import PRESETS
from striate.data.loader import Loader
from striate.data.store.reader import Reader
from striate.pictures.preprocess import Preprocess
from striate.progress import Silent
from striate.sources.opening import open_source

PREPROCESS = Preprocess(size=(4, 4), channels=3, mean=(0.0,) * 3, std=(1.0,) * 3)


def bytes_held(root: Path, count: int) -> int:
    """Return what Python and NumPy hold for a folder of `count` files in the middle of an epoch."""
    for label in range(10):
        (root / f"class_{label:04}").mkdir(parents=True)
    Image.new("RGB", (6, 6)).save(root / "class_0000" / "picture_00000000.png")
    for i in range(1, count):
        os.link(
            root / "class_0000" / "picture_00000000.png", root / f"class_{i % 10:04}" / f"picture_{i:08}.png"
        )
    gc.collect()
    tracemalloc.start()
    pictures = open_source(root).splits["all"]
    reader = Reader(data=str(root), root=root, threads=2, progress=Silent())
    loader = Loader(store=reader.store("train", pictures, PREPROCESS), preprocess=PREPROCESS, batch=64)
    epoch = loader.training(0, augment=PRESETS["none"])
    next(epoch)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held


def test_a_file_costs_under_200_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    bytes_held(tmp_path / "first", 200)  # what is imported or made once
    few, many = bytes_held(tmp_path / "few", 500), bytes_held(tmp_path / "many", 3500)
    assert (many - few) / 3000 < 200
