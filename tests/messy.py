"""A small folder of pictures with one thing wrong of each kind, for tests of the audit."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from planted import scene

from striate.data.audit.inventory import Gathered
from striate.data.store.ledger import inspect, open_ledgers
from striate.progress import Silent
from striate.sources.opening import open_source

ORIENTATION = 0x0112
# Ordinary pictures of each class.
COUNTS = {"train/고양이": 30, "train/dog": 10, "train/Dog ": 1, "test/고양이": 10, "test/dog": 5}


def picture(seed: int) -> Image.Image:
    return Image.fromarray(scene(80, 100, seed=seed))


def make_messy(root: Path) -> Path:
    """Write train/ and test/ with the classes 고양이, dog and 'Dog '; what is odd stands in train/dog or test."""
    seeds = iter(range(1000))
    for folder, count in COUNTS.items():
        (root / folder).mkdir(parents=True)
        for i in range(count):
            picture(next(seeds)).save(root / folder / f"{i}.png")
    (root / "train" / "new folder (2)").mkdir()
    cats, dogs = root / "train" / "고양이", root / "train" / "dog"
    shutil.copy(cats / "1.png", root / "test" / "고양이" / "leak.png")
    shutil.copy(cats / "2.png", dogs / "conflict.png")
    shutil.copy(cats / "3.png", cats / "copy of 3.png")
    Image.open(cats / "4.png").resize((60, 48)).save(root / "test" / "고양이" / "small.png")
    Image.open(cats / "5.png").save(dogs / "near conflict.jpg", quality=60)
    (dogs / "empty.jpg").write_bytes(b"")
    (dogs / "page.png").write_text("<html></html>")
    picture(next(seeds)).save(dogs / "png.jpg", "PNG")
    Image.new("RGB", (80, 80), "white").save(dogs / "white.png")
    picture(next(seeds)).resize((12, 9)).save(dogs / "tiny.png")
    picture(next(seeds)).convert("L").save(dogs / "grey.png")
    turned = picture(next(seeds))
    tags = turned.getexif()
    tags[ORIENTATION] = 6
    turned.save(dogs / "turned.jpg", exif=tags)
    picture(next(seeds)).save(dogs / "moving.gif", save_all=True, append_images=[picture(next(seeds))])
    deep = np.asarray(picture(next(seeds)).convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(dogs / "deep.png")
    return root


def gathered(root: Path) -> Gathered:
    """Return a data set with every picture looked at."""
    source = open_source(root)
    ledgers = open_ledgers(source.splits, None)
    for split, ledger in ledgers.items():
        inspect(source.splits[split], ledger, threads=2, progress=Silent())
    return Gathered(source, ledgers)
