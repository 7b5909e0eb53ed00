"""Augmentation beside torchvision's v2 transforms of the same settings, one thread, 256-pixel pictures to 224.

    python bench/augment.py [--pictures 64] [--repeats 5] [--out augment.json]

Run in an environment with bench/requirements.txt. torchvision changes one picture at a time, as its data sets do:
given tensors (uint8, channels last, its quicker order) and given Pillow images, the usual pipeline. MixUp and CutMix
take the batch. Nothing is decoded, nothing converted to floats. The rivals take turns; a ratio is formed within each
turn, of processor time, since one thread works. Prints a Markdown row for each and JSON: medians, and the ratio's
spread. Ratios, not seconds: the machine is shared.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import torchvision
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from striate.data.augment.augment import PRESETS, Augment
from striate.data.augment.mix import Mix
from striate.data.draw import sample_id

STORED, SIZE, CLASSES = 256, 224, 10


def transforms() -> Any:
    """Import torchvision's transforms, which come with it only where asked for."""
    torchvision()
    return import_module("torchvision.transforms.v2")


def rivals(v2: Any) -> dict[str, tuple[Augment, nn.Module]]:
    """Return for each row our settings and torchvision's."""
    bilinear = v2.InterpolationMode.BILINEAR

    def crop(least: float) -> nn.Module:
        return v2.RandomResizedCrop(SIZE, scale=(least, 1.0), antialias=True)

    resize, mirror = v2.Resize(SIZE, antialias=True), v2.RandomHorizontalFlip()
    trivial, erasing = v2.TrivialAugmentWide(interpolation=bilinear), v2.RandomErasing(0.25, (0.02, 0.4))
    jitter = v2.ColorJitter(0.2, 0.2, 0.2)
    affine = v2.RandomAffine(10, (0.05, 0.05), (0.9, 1.1), interpolation=bilinear)
    return {
        "random resized crop, mirror": (Augment(area=(0.35, 1), flip=True), v2.Compose([crop(0.35), mirror])),
        "photos": (PRESETS["photos"], v2.Compose([crop(0.35), mirror, jitter])),
        "medical": (PRESETS["medical"], v2.Compose([resize, affine, v2.ColorJitter(0.1, 0.1)])),
        "all four colours": (
            Augment(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
            v2.Compose([resize, v2.ColorJitter(0.4, 0.4, 0.4, 0.1)]),
        ),
        "TrivialAugment": (Augment(trivial=True, fill="black"), v2.Compose([resize, trivial])),
        "strong": (PRESETS["strong"], v2.Compose([crop(0.2), mirror, trivial, erasing])),
    }


def photographs(count: int) -> Tensor:
    """Return (count, 3, STORED, STORED) uint8, smooth with some noise, channels last."""
    generator = torch.Generator().manual_seed(0)
    rough = torch.rand((count, 3, 9, 9), generator=generator) * 255
    smooth = interpolate(rough, size=STORED, mode="bicubic")
    noise = torch.randn((count, 3, STORED, STORED), generator=generator) * 6
    pictures = (smooth + noise).clamp(0, 255).to(torch.uint8)
    return pictures.contiguous(memory_format=torch.channels_last)


def microseconds(work: Callable[[], object], pictures: int) -> float:
    started = time.thread_time()
    work()
    return (time.thread_time() - started) / pictures * 1e6


def row(contenders: dict[str, Callable[[], object]], pictures: int, repeats: int) -> dict[str, Any]:
    """Return medians in microseconds a picture and the ratios to ours: median, least and greatest."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name, work in contenders.items():
            taken = microseconds(work, pictures)
            if turn:  # the first warms up
                times[name].append(taken)
    ratios = {
        name: [theirs / ours for theirs, ours in zip(values, times["striate"], strict=True)]
        for name, values in times.items()
        if name != "striate"
    }
    return {
        "microseconds": {name: statistics.median(values) for name, values in times.items()},
        "ratios": {
            name: (statistics.median(values), min(values), max(values)) for name, values in ratios.items()
        },
    }


def measured(pictures: int, repeats: int) -> dict[str, Any]:
    v2 = transforms()
    images = photographs(pictures)
    pillow = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    ids = np.array([sample_id(str(i)) for i in range(pictures)], np.uint64)
    rows = {}
    for name, (ours, theirs) in rivals(v2).items():
        contenders: dict[str, Callable[[], object]] = {
            "striate": lambda ours=ours: ours(images, ids, seed=0, epoch=0, size=(SIZE, SIZE)),
            "tensors": lambda theirs=theirs: [theirs(image) for image in images],
        }
        # Erasing is for tensors alone.
        if name != "strong":
            contenders["Pillow"] = lambda theirs=theirs: [np.asarray(theirs(image)) for image in pillow]
        rows[name] = row(contenders, pictures, repeats)
    small = images[:, :, :SIZE, :SIZE].contiguous()
    labels = torch.arange(pictures) % CLASSES
    for name, mix, theirs in (
        ("MixUp", Mix(mixup=0.2, classes=CLASSES), v2.MixUp(alpha=0.2, num_classes=CLASSES)),
        ("CutMix", Mix(cutmix=1.0, classes=CLASSES), v2.CutMix(alpha=1.0, num_classes=CLASSES)),
    ):
        # torchvision's MixUp takes floats only, as its pipelines have there; ours is given bytes.
        given = small.float() if name == "MixUp" else small
        contenders = {
            "striate": lambda mix=mix: mix(small, labels, ids, seed=0, epoch=0),
            "tensors": lambda theirs=theirs, given=given: theirs(given, labels),
        }
        rows[name] = row(contenders, pictures, repeats)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = measured(options.pictures, options.repeats)
    print("| augmentation | µs a picture | torchvision, tensors | torchvision, Pillow |\n|---|---|---|---|")
    for name, values in rows.items():
        cells = [
            "{:.2f}x ({:.2f} to {:.2f})".format(*values["ratios"][rival]) if rival in values["ratios"] else ""
            for rival in ("tensors", "Pillow")
        ]
        print(f"| {name} | {values['microseconds']['striate']:.0f} | {cells[0]} | {cells[1]} |")
    facts = {"python": platform.python_version(), "torch": torch.__version__, "repeats": options.repeats}
    text = json.dumps({**facts, "capability": torch.backends.cpu.get_cpu_capability(), "rows": rows})
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
