import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from stores import same, store_of

from striate.data.draw import ids_of
from striate.data.store.store import CHUNK, Bad, Store, digest_of, fill, mean_and_std
from striate.pictures.preprocess import Preprocess
from striate.progress import Silent
from striate.sources.arrays.arrays import ArrayPictures
from striate.sources.folders.files import FilePictures
from striate.sources.folders.folder import open_folder
from striate.sources.source import Pictures

PREPROCESS = Preprocess(size=(8, 8), channels=3, mean=(), std=())


class Listener(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def say(self, line: str) -> None:
        self.lines.append(line)

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        self.count += count


def noise(seed: int, side: int = 12) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def folder(root: Path, *, count: int = 12) -> FilePictures:
    for label in ("a", "b"):
        (root / label).mkdir()
        for i in range(count):
            form = ("png", "jpeg", "bmp")[i % 3]
            noise(i, 8 + i).save(root / label / f"{i:03}.{form}")
    pictures = open_folder(root).splits["all"]
    assert isinstance(pictures, FilePictures)
    return pictures


def filled(pictures: Pictures, *, threads: int = 2, listener: Listener | None = None) -> Store:
    return fill(pictures, PREPROCESS, threads=threads, progress=listener or Listener())


def test_a_store_holds_what_preprocessing_gives_of_each_file(tmp_path: Path) -> None:
    pictures = folder(tmp_path)
    store = filled(pictures)
    assert len(store) == 24
    assert store.names == pictures.names
    assert store.labels.tolist() == pictures.labels.tolist()
    assert store.ids.tolist() == ids_of(pictures.names).tolist()
    for i in range(24):
        np.testing.assert_array_equal(store.images[i].numpy(), PREPROCESS.pixels(pictures.read(i)))
        assert store.digests[i].tobytes() == digest_of((tmp_path / pictures.files[i]).read_bytes())


def damage(root: Path) -> tuple[Bad, ...]:
    """Put four files that cannot be read among those of `folder`, and return what is to be said of them."""
    (root / "a" / "001.jpeg").write_bytes(b"")
    (root / "a" / "003.png").write_text("<html>404</html>")
    whole = (root / "b" / "004.jpeg").read_bytes()
    (root / "b" / "004.jpeg").write_bytes(whole[:-40])
    (root / "b" / "005.bmp").unlink()
    return (
        Bad("a/001.jpeg", "the file is empty"),
        Bad("a/003.png", "not a picture of a known format"),
        Bad("b/004.jpeg", "Premature end of JPEG file"),
        Bad("b/005.bmp", "No such file or directory"),
    )


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_bad_pictures_are_named_with_their_reasons_and_never_replaced(tmp_path: Path, threads: int) -> None:
    pictures = folder(tmp_path)
    whole = filled(pictures)
    bad = damage(tmp_path)
    listener = Listener()
    store = filled(pictures, threads=threads, listener=listener)
    assert store.bad == bad
    assert listener.count == 24
    kept = [i for i, name in enumerate(whole.names) if name not in {b.name for b in bad}]
    assert list(store.names) == [whole.names[i] for i in kept]
    np.testing.assert_array_equal(store.digests, whole.digests[kept])
    assert torch.equal(store.labels, whole.labels[kept])
    assert torch.equal(store.images, whole.images[kept])


def test_the_content_does_not_depend_on_the_threads(tmp_path: Path) -> None:
    pictures = folder(tmp_path, count=40)
    damage(tmp_path)
    one, *others = (filled(pictures, threads=threads) for threads in (1, 2, 8))
    for other in others:
        assert same(one, other)


def test_more_pictures_than_are_handed_out_at_once_stay_in_order() -> None:
    count = 2 * CHUNK + 3
    images = np.arange(count, dtype=np.uint32).view(np.uint8).reshape(count, 2, 2)
    pictures = ArrayPictures("train", images, np.arange(count), np.arange(count))
    grey = Preprocess(size=(2, 2), channels=1, mean=(), std=())
    store = fill(pictures, grey, threads=4, progress=Silent())
    np.testing.assert_array_equal(store.images[:, 0].numpy(), images)
    assert store.labels.tolist() == list(range(count))


def test_a_set_without_a_readable_picture_is_an_empty_store(tmp_path: Path) -> None:
    pictures = folder(tmp_path, count=2)
    for file in pictures.files:
        (tmp_path / file).write_bytes(b"")
    store = filled(pictures)
    assert (len(store), tuple(store.images.shape), len(store.labels), len(store.bad)) == (
        0,
        (0, 3, 8, 8),
        0,
        4,
    )


def test_animations_are_told_of(tmp_path: Path) -> None:
    pictures = folder(tmp_path, count=4)
    noise(0).save(tmp_path / "a" / "000.png", "GIF", save_all=True, append_images=[noise(1)])
    noise(0).save(tmp_path / "b" / "002.bmp", "WEBP", save_all=True, append_images=[noise(1)], lossless=True)
    listener = Listener()
    store = filled(pictures, threads=1, listener=listener)
    assert listener.lines == ["note: of 2 animations only the first frame is taken; one is a/000.png"]
    place = store.names.index("b/002.bmp")
    np.testing.assert_array_equal(store.images[place].numpy(), PREPROCESS.pixels(noise(0)))


def test_what_is_no_fault_of_a_picture_is_not_hidden() -> None:
    @dataclass(frozen=True)
    class Broken:
        labels = np.zeros(1, np.int64)

        def __len__(self) -> int:
            return 1

        def name(self, index: int) -> str:
            return str(index)

        def stamp(self, index: int) -> int:
            return 0

        def read(self, index: int) -> bytes:
            raise ZeroDivisionError

        def subset(self, indices: Any) -> "Broken":
            return self

    with pytest.raises(ZeroDivisionError):
        filled(Broken())


def test_a_digest_is_of_the_content_alone() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert digest_of(pixels) == digest_of(pixels.tobytes()) == digest_of(np.asfortranarray(pixels))
    assert digest_of(pixels) != digest_of(pixels[::-1])
    # b2sum -l 128
    assert digest_of(b"striate").hex() == "48aaa0f523b147a8231b08dc898f4278"


def test_mean_and_deviation_are_those_of_numpy() -> None:
    images = np.random.default_rng(3).integers(0, 256, (50, 3, 7, 5), dtype=np.uint8)
    images[:, 1] //= 3
    mean, std = mean_and_std(store_of(torch.from_numpy(images), torch.zeros(50)))
    np.testing.assert_allclose(mean, (images / 255).mean((0, 2, 3)), atol=5e-5)
    np.testing.assert_allclose(std, (images / 255).std((0, 2, 3)), atol=5e-5)


def test_a_channel_without_contrast_has_a_deviation_that_can_be_divided_by() -> None:
    assert mean_and_std(store_of(torch.full((2, 1, 3, 3), 51, dtype=torch.uint8), torch.zeros(2))) == (
        (0.2,),
        (0.01,),
    )


def test_a_grey_store_has_one_channel(tmp_path: Path) -> None:
    pictures = folder(tmp_path, count=3)
    grey = Preprocess(size=(8, 8), channels=1, mean=(), std=())
    store = fill(pictures, grey, threads=2, progress=Silent())
    expected = Image.open(io.BytesIO(pictures.read(0))).convert("L")
    np.testing.assert_array_equal(store.images[0, 0].numpy(), np.asarray(expected))
