"""The functions of an ejected script: their source is written into it, and none needs striate.

Each does what one of striate's own does (reading, drawing, augmenting, scheduling), which the tests compare, and
depends on its arguments and the imports at the top alone.
"""

import gzip
import math
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

Ids = NDArray[np.uint64]


def key(purpose: str, seed: int, epoch: int = 0, step: int = 0) -> int:
    """Return a number that stands for one purpose at one place in the training."""
    text = f"{purpose}/{seed}/{epoch}/{step}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1


def ids_of(names: list[str]) -> Ids:
    """Return a number that stands for each picture."""
    digests = b"".join(blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def mixed(x: Ids) -> Ids:
    """Return numbers that look random (splitmix64: Steele, Lea, Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def draw(purpose: str, ids: Ids, seed: int, epoch: int = 0) -> NDArray[np.float64]:
    """Return one number in [0, 1) for each picture, whatever was drawn before."""
    bits = mixed(mixed(ids) ^ np.uint64(key(purpose, seed, epoch)))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def listed(folder: Path, classes: tuple[str, ...], endings: tuple[str, ...]) -> list[tuple[Path, int]]:
    """Return the visible files below the folder of each class that end like pictures, with the class's number."""
    return [
        (path, number)
        for number, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in endings
        and not any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
    ]


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of an IDX file, the format of MNIST, gzipped or not."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(content[3])]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def pixels(image: Image.Image, size: tuple[int, int], mode: str, crop: bool) -> NDArray[np.uint8]:
    """Return a picture upright at `size` (height, width), as (H, W, C); `crop` keeps its proportions."""
    image = ImageOps.exif_transpose(image).convert(mode)
    height, width, box = *size, None
    if crop:  # the largest box of the wanted proportions, from the middle
        tall, wide = float(image.height), float(image.width)
        if image.height * width > image.width * height:
            tall = height * wide / width
        else:
            wide = width * tall / height
        top, left = (image.height - tall) / 2, (image.width - wide) / 2
        box = (left, top, left + wide, top + tall)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return np.asarray(image).reshape(height, width, -1)


def split(labels: NDArray[np.int64], ids: Ids, seed: int) -> dict[str, NDArray[np.int64]]:
    """Hold out a tenth of each class for val and a tenth for test; return the places of the pictures of each."""
    part, shuffled = np.zeros(len(ids), int), np.argsort(draw("split", ids, seed), kind="stable")
    for label in np.unique(labels):
        mine = shuffled[labels[shuffled] == label]
        held = max(1, round(len(mine) * 0.1)) if len(mine) >= 3 else 0
        part[mine[:held]], part[mine[held : 2 * held]] = 1, 2
    return {name: np.flatnonzero(part == number) for number, name in enumerate(("train", "val", "test"))}


def mirrored(images: Tensor, ids: Ids, seed: int, epoch: int) -> Tensor:
    """Return half of the pictures (B, C, H, W) mirrored left to right."""
    chosen = torch.from_numpy(draw("flip", ids, seed, epoch) < 0.5)
    return torch.where(chosen.view(-1, 1, 1, 1), images.flip(3), images)


def shifted(images: Tensor, ids: Ids, share: float, seed: int, epoch: int) -> Tensor:
    """Return the pictures (B, C, H, W) each moved by whole pixels, up to a share of a side, edges repeated."""
    height, width = images.shape[2:]
    y, x = max(1, round(height * share)), max(1, round(width * share))
    top = torch.from_numpy((draw("shift-y", ids, seed, epoch) * (2 * y + 1)).astype(np.int64))
    left = torch.from_numpy((draw("shift-x", ids, seed, epoch) * (2 * x + 1)).astype(np.int64))
    places = F.pad(images, (x, x, y, y), mode="replicate").unfold(2, height, 1).unfold(3, width, 1)
    return places[torch.arange(len(images)), :, top, left]


def one_cycle(progress: float) -> float:
    """Return the share of the peak rate: a straight rise over the first fifth, a straight fall to 0."""
    return 0.1 + (1 - 0.1) * progress / 0.2 if progress < 0.2 else 1 - (progress - 0.2) / (1 - 0.2)


def cosine(progress: float) -> float:
    """Return the share of the peak rate: half a cosine from 1 to 0."""
    return (1 + math.cos(math.pi * progress)) / 2


def stairs(progress: float) -> float:
    """Return the share of the peak rate: 1, a tenth from half of the way on, a hundredth from three quarters on."""
    return 0.1 ** ((progress >= 1 / 2) + (progress >= 3 / 4))


def constant(progress: float) -> float:
    """Return the share of the peak rate: all of it, always."""
    return 1.0
