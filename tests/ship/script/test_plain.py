"""The functions written into scripts against the parts of striate whose place they take."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from striate.data import draw
from striate.data.augment import mirror
from striate.data.draw import Draws, sample_id
from striate.learning.schedule import WARM_UP, rate_factor
from striate.pictures.preprocess import Preprocess
from striate.ship.script import plain
from striate.ship.script.script import SCHEDULES

IDS = np.random.default_rng(0).integers(0, 2**64, 500, np.uint64, endpoint=False)
IMAGES = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (50, 3, 9, 12), np.uint8))


def test_numbers_are_drawn_alike() -> None:
    assert plain.key("step", 7, step=3) == draw.key("step", seed=7, step=3)
    assert plain.ids_of(["고양이/1.png", "b"]).tolist() == [sample_id("고양이/1.png"), sample_id("b")]
    assert np.array_equal(plain.draw("flip", IDS, 3, 2), draw.uniform("flip", IDS, seed=3, epoch=2))


def test_pictures_are_moved_alike() -> None:
    draws = Draws(IDS[:50], 5, 1)
    shift = mirror.draw_shift(draws, share=0.2, size=(9, 12))
    assert torch.equal(plain.shifted(IMAGES, IDS[:50], 0.2, 5, 1), mirror.shifted(IMAGES, shift))
    mirrored = mirror.flipped(IMAGES, mirror.draw_mirrored(draws, alternate=False), axis=3)
    assert torch.equal(plain.mirrored(IMAGES, IDS[:50], 5, 1), mirrored)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_alike(name: str) -> None:
    warmup = WARM_UP.get(name, 0.0)
    theirs = [rate_factor(name, k / 100, warmup=warmup) for k in range(101)]
    assert [SCHEDULES[name](k / 100) for k in range(101)] == theirs


@pytest.mark.parametrize("crop", [True, False])
@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pixels_are_alike(crop: bool, mode: str, channels: int, kind: str) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(2).integers(0, 256, (40, 61, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise).save(file, kind, exif=exif)
    preprocess = Preprocess(
        size=(14, 18), channels=channels, mean=(), std=(), fit="crop" if crop else "squash"
    )
    mine = plain.pixels(Image.open(file), (14, 18), mode, crop)
    assert np.array_equal(mine, preprocess.row(file.getvalue()))


def test_hidden_files_and_others_are_left_out(tmp_path: Path) -> None:
    for name in ("a/1.PNG", "a/.2.png", "a/.x/3.png", "a/x/4.jpg", "a/5.txt", "b/6.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = plain.listed(tmp_path, ("b", "a"), (".png", ".jpg"))
    assert [(path.relative_to(tmp_path).as_posix(), n) for path, n in found] == [
        ("b/6.png", 0), ("a/1.PNG", 1), ("a/x/4.jpg", 1),
    ]  # fmt: skip
