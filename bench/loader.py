"""Photographs in a folder to 224-pixel training batches: striate against torchvision's ImageFolder and DataLoader.

    python bench/loader.py --repeats 5

2,000 JPEGs of 500 by 375 pixels are cut, at random scales, out of the photographs that scikit-image and scikit-learn
bring. Both rivals cut the same random resized crop out of the centre square of each, mirror the same half of them and
normalise; torchvision with 2 workers, which are started before the clock is. striate's first pass decodes the folder
into a pack and then makes an epoch of batches; its later passes make the batches from the pack. Each block is a
process of its own, the rivals taking turns; files are in the page cache. "Stall" is the share of a training loop
(ResNet-18 at 224 pixels, batch 32, 12 steps) spent waiting for a batch. Needs torchvision, scikit-image, scikit-learn.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import torchvision
from PIL import Image
from torch.nn.functional import cross_entropy

from striate.data.augment.augment import Augment
from striate.data.augment.mirror import draw_mirrored
from striate.data.draw import Draws
from striate.data.loader import Loader
from striate.data.store.reader import Reader
from striate.host.memory import keep_freed_memory
from striate.pictures.preprocess import Preprocess
from striate.progress import Silent
from striate.sources.opening import open_source

COUNT, WIDTH, HEIGHT, QUALITY = 2000, 500, 375, 90
SIDE, BATCH, STEPS, STALL_BATCH = 224, 64, 12, 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SEED = 0
AUGMENT = Augment(area=(0.35, 1.0), flip=True)
THREADS = 2
RIVALS = ("striate", "torchvision")


def write_photographs(folder: Path) -> None:
    """Cut pictures out of the photographs two packages bring, one class a photograph."""
    import skimage
    import sklearn.datasets

    homes = (Path(skimage.__file__).parent / "data", Path(sklearn.datasets.__file__).parent / "images")
    names = (
        *("coffee.png", "astronaut.png", "rocket.jpg", "chelsea.png", "motorcycle_left.png", "retina.jpg"),
        *("ihc.png", "flower.jpg", "china.jpg"),
    )
    photographs = [Image.open(h / n).convert("RGB") for n in names for h in homes if (h / n).is_file()]
    rng = np.random.default_rng(0)
    for index in range(COUNT):
        photograph = photographs[index % len(photographs)]
        largest = min(photograph.width / WIDTH, photograph.height / HEIGHT)
        width, height = (int(side * largest * rng.uniform(0.5, 1)) for side in (WIDTH, HEIGHT))
        left, top = rng.integers(photograph.width - width + 1), rng.integers(photograph.height - height + 1)
        box = (left, top, left + width, top + height)
        path = folder / f"class{index % len(photographs)}" / f"{index:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box).save(path, quality=QUALITY)


class Striate:
    """The path every run takes: a reader that packs, and a loader."""

    def __init__(self, folder: Path, batch: int) -> None:
        started = time.perf_counter()
        source = open_source(folder)
        preprocess = Preprocess(size=(SIDE, SIDE), channels=3, mean=MEAN, std=STD)
        reader = Reader(data=str(folder), root=folder, threads=THREADS, progress=Silent())
        store = reader.store("train", source.splits["all"], preprocess.enlarged(AUGMENT.margin))
        self.loader = Loader(store=store, preprocess=preprocess, batch=batch, seed=SEED, threads=THREADS)
        self.packing = time.perf_counter() - started

    def epoch(self, number: int) -> Iterator[Any]:
        return self.loader.training(number, augment=AUGMENT)


class Torchvision:
    """ImageFolder and DataLoader, given striate's order, boxes and mirrorings."""

    def __init__(self, folder: Path, batch: int) -> None:
        from torch.utils.data import DataLoader

        self.packing = 0.0
        self.data = _cut_folder(folder)
        self.order = _Order()
        self.loader = DataLoader(
            self.data, batch, sampler=self.order, num_workers=2, persistent_workers=True, drop_last=False
        )
        self.order.chosen = list(range(2 * batch))
        list(self.loader)  # starts the workers

    def epoch(self, number: int) -> Iterator[Any]:
        self.order.chosen = np.random.default_rng(number).permutation(len(self.data)).tolist()
        return iter(self.loader)


class _Order:
    """A sampler whose order is set before each epoch."""

    chosen: list[int]

    def __iter__(self) -> Iterator[int]:
        return iter(self.chosen)

    def __len__(self) -> int:
        return len(self.chosen)


def _cut_folder(folder: Path) -> Any:
    vision = torchvision()
    F = vision.transforms.functional

    class Cut(vision.datasets.ImageFolder):  # type: ignore[misc, name-defined]
        """Each picture by the box and the mirroring striate draws for it."""

        def __init__(self) -> None:
            super().__init__(str(folder))
            pictures = open_source(folder).splits["all"]
            from striate.data.draw import ids_of
            from striate.sources.source import names_of

            ids = ids_of(names_of(pictures))
            side = round(SIDE * AUGMENT.margin)
            self.boxes = AUGMENT.boxes(ids, seed=SEED, epoch=0, side=(side, side)) / side
            self.mirrored = draw_mirrored(Draws(ids, SEED, 0), alternate=False)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            path, label = self.samples[index]
            image = self.loader(path)
            short = min(image.size)
            top, left, height, width = self.boxes[index] * short
            left, top = left + (image.width - short) / 2, top + (image.height - short) / 2
            image = F.resized_crop(image, int(top), int(left), int(height), int(width), [SIDE, SIDE])
            if self.mirrored[index]:
                image = F.hflip(image)
            return F.normalize(F.to_tensor(image), MEAN, STD), label

    return Cut()


def passes(batches: Iterable[Any]) -> float:
    """Return the seconds an epoch of batches takes."""
    started = time.perf_counter()
    for images, _ in batches:
        assert images.shape[1:] == (3, SIDE, SIDE)
    return time.perf_counter() - started


def stall(rival: "Striate | Torchvision") -> float:
    """Return the share of a training loop that is spent waiting for batches."""
    import striate

    net = striate.build("resnet18", num_classes=16)
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    waited, started = 0.0, time.perf_counter()
    batches = rival.epoch(1)
    for _ in range(STEPS):
        asked = time.perf_counter()
        images, labels = next(batches)
        waited += time.perf_counter() - asked
        optimizer.zero_grad()
        cross_entropy(net(images), labels).backward()
        optimizer.step()
    return waited / (time.perf_counter() - started)


def measure(name: str, folder: Path, *, stalled: bool) -> dict[str, float]:
    """Return the seconds of a first and a later pass, or the stall."""
    kind = {"striate": Striate, "torchvision": Torchvision}[name]
    if stalled:
        return {"stall": stall(kind(folder, STALL_BATCH))}
    rival = kind(folder, BATCH)
    first = rival.packing + passes(rival.epoch(0))
    times = {"packing": rival.packing, "first": first, "later": passes(rival.epoch(1))}
    if isinstance(rival, Striate):
        rival.loader = replace(rival.loader, layout=torch.channels_last)
        times["later, channels last"] = passes(rival.epoch(1))
    return times


def block(name: str, folder: Path, *flags: str) -> dict[str, float]:
    """Measure a rival in a process and an empty cache of its own."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, "--measure", name, "--folder", str(folder), *flags]
        done = subprocess.run(
            command, env={**os.environ, "STRIATE_CACHE": cache}, stdout=subprocess.PIPE, text=True, check=True
        )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the photographs are, or are to be written")
    parser.add_argument("--measure", choices=RIVALS)
    parser.add_argument("--stalled", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    if args.measure:
        if args.measure == "striate":
            keep_freed_memory()  # as every training does
        print(json.dumps(measure(args.measure, args.folder, stalled=args.stalled)))
        return
    folder = args.folder or Path(tempfile.gettempdir()) / "striate-photographs"
    if not folder.exists():
        aside = folder.with_name(folder.name + ".tmp")
        shutil.rmtree(aside, ignore_errors=True)
        write_photographs(aside)
        aside.rename(folder)
    report(folder, args.repeats)


def report(folder: Path, repeats: int) -> None:
    """Print a row a pass, and JSON."""
    for path in folder.rglob("*.jpg"):
        path.read_bytes()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RIVALS}
    for _ in range(repeats):
        for name in RIVALS:
            found[name].append(block(name, folder))
    print("| pass | striate, images/s | torchvision, images/s | ratio | spread |\n|---|---|---|---|---|")
    for which in ("first", "later", "later, channels last"):
        pairs = [
            (a[which], b[which.partition(",")[0]])
            for a, b in zip(found["striate"], found["torchvision"], strict=True)
        ]
        ours, peers = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratios = sorted(b / a for a, b in pairs)
        print(
            f"| {which} | {COUNT / ours:,.0f} | {COUNT / peers:,.0f} | {statistics.median(ratios):.1f}x "
            f"| {ratios[0]:.1f} to {ratios[-1]:.1f} |"
        )
    stalls = {name: block(name, folder, "--stalled")["stall"] for name in RIVALS}
    print(", ".join(f"{name} stalls {share:.1%} of a training loop" for name, share in stalls.items()))
    print(json.dumps({"torch": torch.__version__, "pictures": COUNT, "seconds": found, "stalls": stalls}))


if __name__ == "__main__":
    main()
