"""What padded pictures are filled with: a mean that is known before the first of them is stored."""

from pathlib import Path

import numpy as np
import pytest
from stores import same

import striate
from striate.pictures.preprocess import Preprocess
from striate.preparing.prepare import prepare, reread
from striate.preparing.reading import LOOKED_AT, mean_colour
from striate.progress import Silent
from striate.sources.arrays.arrays import ArrayPictures

WAY = Preprocess(size=(8, 8), channels=3, mean=(), std=(), fit="pad")
SPEC = "conv3-4 relu gap fc-classes"


class Told(Silent):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def pictures(*colours: tuple[int, ...]) -> ArrayPictures:
    images = np.array(colours, np.uint8)[:, None, None].repeat(4, 1).repeat(10, 2)
    return ArrayPictures("train", images, np.zeros(len(colours), np.int64), np.arange(len(colours)))


@pytest.mark.parametrize("depth", [8, 16])
def test_the_mean_colour_is_that_of_every_picture_looked_at(depth: int) -> None:
    some = pictures((0, 51, 255), (102, 51, 255))
    way = Preprocess(size=(8, 8), channels=3, mean=(), std=(), fit="pad", depth=depth)  # type: ignore[arg-type]
    assert mean_colour(some, way) == (0.2, 0.2, 1.0)
    many = pictures(*[(i // (2 * LOOKED_AT) * 255,) * 3 for i in range(4 * LOOKED_AT)])
    assert mean_colour(many, WAY) == (0.5, 0.5, 0.5)


def test_pictures_that_cannot_be_read_have_no_colour() -> None:
    assert mean_colour(pictures((0,) * 7, (9,) * 7), WAY) == (0.5, 0.5, 0.5)


def test_padded_pictures_are_filled_with_the_mean_of_the_recipe_also_where_crops_are_cut(
    photos: Path,
) -> None:
    told = Told()
    asked = striate.Settings(net=SPEC, size=8, fit="pad", augment="photos", epochs=1, batch=8)
    prepared = prepare(photos, asked, told)
    preprocess = prepared.recipe.preprocess
    assert f"fill {' '.join(map(str, preprocess.fill))}: the mean of some of the pictures" in told.lines
    run = striate.train(photos, settings=asked, out=photos.parent / "run")
    assert run.recipe.preprocess == preprocess
    again = reread(run, None, Silent(), pack=False)
    for split, store in prepared.stores.items():
        assert same(store, again.stores[split]), split


def test_a_network_with_a_mean_of_its_own_has_that_around_its_pictures(photos: Path) -> None:
    told = Told()
    asked = striate.Settings(net="dbn", size=8, fit="pad", augment="none", epochs=1)
    preprocess = prepare(photos, asked, told).recipe.preprocess
    assert preprocess.mean == (0.0,) * preprocess.channels
    assert (
        f"fill {' '.join('0' * preprocess.channels)}: the mean that network or weights are used to"
        in told.lines
    )
