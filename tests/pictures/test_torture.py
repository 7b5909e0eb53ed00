"""Every case of tools/write_torture.py does exactly what its table says."""

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import write_torture as torture
from numpy.typing import NDArray
from write_torture import Ignored, Opened, Pixels, Quarantined, Refused

from striate.data.store.store import fill
from striate.errors import DataError
from striate.pictures.preprocess import Preprocess
from striate.progress import Silent
from striate.sources.naming import printable
from striate.sources.opening import open_source

CASES = {**torture.PICTURES, **torture.SPECIAL}
PREPROCESS = Preprocess(size=(torture.HEIGHT, torture.WIDTH), channels=3, mean=(), std=(), fit="squash")


class Listener(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


class Read(NamedTuple):
    """What came of the pictures: pixels (H, W, 3) and reasons by name, notes, and what was said while reading."""

    pixels: dict[str, NDArray[np.uint8]]
    reasons: dict[str, str]
    notes: tuple[str, ...]
    said: tuple[str, ...]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("torture") / "torture"
    torture.write(folder)
    yield folder
    (folder / "folders" / "a folder nobody may list" / "dog").chmod(0o700)


@pytest.fixture(scope="module")
def read(root: Path) -> Read:
    source = open_source(root / "pictures")
    listener = Listener()
    store = fill(source.splits["all"], PREPROCESS, threads=2, progress=listener)
    pixels = {
        name: image.permute(1, 2, 0).numpy() for name, image in zip(store.names, store.images, strict=True)
    }
    reasons = {bad.name: bad.reason for bad in store.bad}
    return Read(pixels, reasons, tuple(source.notes), tuple(listener.lines))


def known_as(name: str | bytes) -> str:
    inside = "/inside.png" if name == "a folder in the class" else ""
    return "torture/" + printable(unicodedata.normalize("NFC", os.fsdecode(name))) + inside


def middles(pixels: NDArray[np.uint8]) -> list[list[int]]:
    """Return the colours in the middle of the four quarters."""
    rows, columns = torture.HEIGHT // 4, torture.WIDTH // 4
    return pixels[rows :: 2 * rows, columns :: 2 * columns].reshape(4, 3).astype(int).tolist()


@pytest.mark.parametrize("name", CASES, ids=lambda name: printable(os.fsdecode(name))[:60])
def test_a_picture_is_read_or_left_out_as_the_table_says(name: str | bytes, read: Read) -> None:
    if name in torture.NOT_FOR_ROOT and os.geteuid() == 0:
        pytest.skip("root may read every file")
    expected, known = CASES[name][1], known_as(name)
    if isinstance(expected, Pixels):
        assert read.reasons.get(known) is None
        np.testing.assert_allclose(middles(read.pixels[known]), expected.quarters, atol=expected.tolerance)
    elif isinstance(expected, Quarantined):
        assert read.reasons.get(known) == expected.reason
        assert known not in read.pixels
    else:
        assert isinstance(expected, Ignored)
        assert not [other for other in (*read.pixels, *read.reasons) if other.startswith(known)]
        assert any(expected.note in note for note in read.notes)


def test_nothing_else_is_in_the_folder(read: Read) -> None:
    listed = {known_as(name) for name, (_, expected) in CASES.items() if not isinstance(expected, Ignored)}
    assert {*read.pixels, *read.reasons} == {*listed, "plain/picture.png"}


def test_what_is_left_out_is_said_with_its_names_and_kinds(read: Read) -> None:
    assert read.notes == (
        "left out as hidden: torture/.DS_Store, torture/._jpeg.jpg, torture/.ipynb_checkpoints and 2 more",
        "left out as no pictures by their names: 3 (.png 1, .csv 1, .mp4 1)",
    )


def test_animations_are_counted_and_said(read: Read) -> None:
    moving = [name for name, (_, expected) in CASES.items() if getattr(expected, "animated", False)]
    (line,) = [line for line in read.said if "animations" in line]
    assert line.startswith(
        f"note: of {len(moving)} animations only the first frame is taken; one is torture/"
    )


def test_there_are_at_least_sixty_cases_and_each_is_named_once() -> None:
    assert len(CASES) == len(torture.PICTURES) + len(torture.SPECIAL)
    assert len(CASES) + len(torture.FOLDERS) >= 60


@pytest.mark.parametrize("name", torture.FOLDERS)
def test_a_data_set_is_listed_or_refused_as_the_table_says(name: str, root: Path) -> None:
    if name in torture.NOT_FOR_ROOT and os.geteuid() == 0:
        pytest.skip("root may list every folder")
    folder, expected = root / "folders" / name, torture.FOLDERS[name][1]
    if isinstance(expected, Refused):
        with pytest.raises(DataError) as raised:
            open_source(folder)
        assert str(raised.value) == expected.message.replace("{root}", str(folder))
        return
    assert isinstance(expected, Opened)
    source = open_source(folder)
    assert source.classes == expected.classes
    assert {split: len(pictures) for split, pictures in source.splits.items()} == expected.counts
    assert tuple(source.notes) == expected.notes


def test_a_picture_asked_for_alone_has_the_pixels_of_the_store(root: Path, read: Read) -> None:
    source = open_source(root / "pictures").splits["all"]
    for index in range(len(source)):
        name = source.name(index)
        if name in read.pixels:
            again = PREPROCESS.pixels(source.read(index)).transpose(1, 2, 0)
            np.testing.assert_array_equal(again, read.pixels[name])
