"""Made sets for the kinds of task: shapes with a table of which are there, discs with their places and sizes."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16
SHAPES = ("disc", "네모", "bar")
Y, X = np.mgrid[:SIDE, :SIDE]
Pixels = NDArray[np.uint8]


def shapes(root: Path, *, count: int) -> Path:
    """Write pictures with any of three shapes in any place, and labels.csv with those of each as 'disc|bar'."""
    rows = []
    for i in range(count):
        draw = np.random.default_rng(i)
        there = draw.random(3) < (0.5, 0.4, 0.3)
        picture = draw.normal(60, 12, (SIDE, SIDE))
        for name, is_there in zip(SHAPES, there, strict=True):
            y, x = draw.integers(3, SIDE - 3, 2)
            if is_there:
                picture[_mask(name, int(y), int(x))] += 110
        rows.append((_save(root, i, picture), "|".join(np.array(SHAPES)[there])))
    return _table(root, ("file", "labels"), rows)


def discs(root: Path, *, count: int) -> Path:
    """Write pictures of a disc, and labels.csv with its place across in millimetres and its radius in pixels."""
    rows = []
    for i in range(count):
        draw = np.random.default_rng(i)
        x, y, radius = draw.uniform(4, SIDE - 4), draw.uniform(4, SIDE - 4), draw.uniform(1.5, 4)
        edge = np.clip(radius - np.hypot(X - x, Y - y) + 0.5, 0, 1)
        picture = draw.normal(60, 8, (SIDE, SIDE)) + 120 * edge
        rows.append((_save(root, i, picture), f"{1000 + 25 * x:.3f}", f"{radius:.4f}"))
    return _table(root, ("file", "target:가로", "target:radius"), rows)


def _mask(name: str, y: int, x: int) -> NDArray[np.bool_]:
    if name == "disc":
        return np.hypot(X - x, Y - y) <= 2.5
    if name == "bar":
        return (abs(Y - y) <= 0) & (abs(X - x) <= 5)
    ring = np.maximum(abs(X - x), abs(Y - y))
    mask: NDArray[np.bool_] = ring == 2
    return mask


def _save(root: Path, number: int, picture: NDArray[np.float64]) -> str:
    root.mkdir(parents=True, exist_ok=True)
    name = f"사진{number}.png"
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(root / name)
    return name


def _table(root: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Path:
    with (root / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return root
