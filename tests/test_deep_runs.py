"""Runs on pictures of many bands and of 16 bits: chosen by the headers, and the same pixels everywhere."""

import re
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch

import striate
from striate.errors import DataError
from striate.pictures.preprocess import shallow
from striate.progress import Silent

SPEC = "conv3-4 relu gap fc-classes"


class Listener(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def values(label: str, number: int, bands: int) -> Any:
    """Return 16-bit values (9, 8, bands) whose brightness tells the class."""
    noise = np.random.default_rng((ord(label), number)).integers(0, 20_000, (9, 8, bands))
    return (noise + {"a": 5000, "b": 40_000}[label]).astype(np.uint16)


def folder(root: Path, kind: str) -> Path:
    for label in "ab":
        (root / label).mkdir(parents=True)
        for number in range(12):
            path = root / label / f"{number}.{kind}"
            if kind == "npy":
                np.save(path, (values(label, number, 6) // 257).astype(np.uint8))
            elif kind == "tif":
                tifffile.imwrite(
                    path, values(label, number, 5), photometric="minisblack", planarconfig="contig"
                )
            else:
                path.write_bytes(imagecodecs.png_encode(values(label, number, 3)))
    return root


@pytest.mark.parametrize(
    ("kind", "channels", "depth", "said"),
    [
        ("npy", 6, 8, ["channels 6: the pictures have so many bands"]),
        (
            "tif", 5, 16,
            [
                "channels 5: the pictures have so many bands",
                "depth 16: every picture looked at has more than 8 bits a value",
            ],
        ),
        ("png", 3, 16, ["depth 16: every picture looked at has more than 8 bits a value"]),
    ],
)  # fmt: skip
def test_bands_and_depth_are_chosen_by_the_headers_and_the_pixels_are_the_same_everywhere(
    kind: str, channels: int, depth: int, said: list[str], tmp_path: Path
) -> None:
    root, listener = folder(tmp_path / "photos", kind), Listener()
    settings = striate.Settings(net=SPEC, size=8, epochs=1, batch=6)
    run = striate.train(root, settings=settings, out=tmp_path / "run", progress=listener)
    assert [line for line in listener.lines if line.split()[0] in ("channels", "depth")] == said
    run = striate.open_run(run.folder)
    assert (run.preprocess.channels, run.preprocess.depth) == (channels, depth)
    store = run.load(split="test")
    assert store.images.dtype == (torch.uint8 if depth == 8 else torch.float32)
    for name, image in zip(store.names, store.images, strict=True):
        pixels = run.preprocess.pixels((root / name).read_bytes())
        assert torch.equal(shallow(torch.from_numpy(pixels)), image)
        with torch.inference_mode():
            logits = run.model(run.preprocess.normalise(image[None]))
        (guess, *_) = run.predict(root / name)
        assert guess.label == run.classes[int(logits.argmax())]
    assert (run.folder / "report.html").exists()


def test_a_depth_that_is_asked_for_is_kept_and_not_told(tmp_path: Path) -> None:
    root, listener = folder(tmp_path / "photos", "png"), Listener()
    settings = striate.Settings(net=SPEC, size=8, epochs=1, batch=6, depth=8)
    run = striate.train(root, settings=settings, out=tmp_path / "run", progress=listener)
    assert run.preprocess.depth == 8
    assert not [line for line in listener.lines if line.startswith("depth")]


def test_a_deep_picture_among_shallow_ones_leaves_8_bits(tmp_path: Path) -> None:
    root = folder(tmp_path / "photos", "png")
    for number in range(3, 12):
        (root / "a" / f"{number}.png").write_bytes(
            imagecodecs.png_encode((values("a", number, 3) >> 8).astype(np.uint8))
        )
    settings = striate.Settings(net=SPEC, size=8, epochs=1, batch=6)
    assert striate.train(root, settings=settings, out=tmp_path / "run").preprocess.depth == 8


def test_pictures_of_unlike_bands_are_refused_by_two_of_their_names(tmp_path: Path) -> None:
    root = folder(tmp_path / "photos", "npy")
    for number in range(12):
        np.save(root / "b" / f"{number}.npy", np.zeros((9, 8, 3), np.uint8))
    settings = striate.Settings(net=SPEC, size=8, epochs=1, batch=6)
    with pytest.raises(DataError) as raised:
        striate.train(root, settings=settings, out=tmp_path / "run")
    # A flat folder of twelve a class holds out one each for val and test; the first left of each class is named.
    assert re.fullmatch(
        r"a/[0-2]\.npy has 6 bands, b/[0-2]\.npy has 3: a network takes pictures of one kind\. "
        r"Leave out the fewer ones, or make all of them alike\.",
        str(raised.value),
    )
