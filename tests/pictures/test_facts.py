"""Facts: what a picture's row says of it."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from planted import scene

from striate.pictures.decode import decode
from striate.pictures.facts import (  # fmt: skip
    ANIMATED,
    BAD,
    BLANK,
    DEEP,
    FACTS,
    KINDS,
    MISNAMED,
    MODES,
    SEEN,
    TURNED,
    bad_facts,
    facts_of,
)
from striate.pictures.fingerprint import fingerprint
from striate.pictures.pixels import digest_of


def encoded(image: Image.Image, form: str, **settings: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **settings)
    return out.getvalue()


def row_of(content: bytes | NDArray[Any], name: str = "a") -> Any:
    return facts_of(content, decode(content, channels=3), name=name, digest=digest_of(content))


def picture(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(scene(30, 50)).convert(mode)


@pytest.mark.parametrize(
    ("image", "form", "kind", "mode"),
    [
        (picture(), "JPEG", "JPEG", "colour"),
        (picture("L"), "JPEG", "JPEG", "grey"),
        (picture("CMYK"), "JPEG", "JPEG", "CMYK"),
        (picture("RGBA"), "PNG", "PNG", "colour and alpha"),
        (picture("LA"), "PNG", "PNG", "grey and alpha"),
        (picture("P"), "PNG", "PNG", "palette"),
        (picture("1"), "PNG", "PNG", "black and white"),
        (picture(), "WEBP", "WEBP", "colour"),
        (picture(), "BMP", "BMP", "colour"),
        (picture("P"), "GIF", "GIF", "palette"),
        (picture("L"), "TIFF", "TIFF", "grey"),
    ],
)
def test_a_row_says_kind_mode_and_size(image: Image.Image, form: str, kind: str, mode: str) -> None:
    content = encoded(image, form)
    row = row_of(content)
    assert (KINDS[row["kind"]], MODES[row["mode"]]) == (kind, mode)
    assert (row["height"], row["width"], row["bytes"]) == (30, 50, len(content))
    assert row["flags"] == SEEN
    assert row["digest"].tobytes() == digest_of(content)
    assert np.array_equal(row["fingerprint"], fingerprint(decode(content, channels=3)))


def test_a_turned_picture_has_its_upright_size() -> None:
    image = picture()
    tags = image.getexif()
    tags[0x0112] = 6
    row = row_of(encoded(image, "JPEG", exif=tags))
    assert (row["height"], row["width"], row["flags"]) == (50, 30, SEEN | TURNED)


def test_animations_deep_pictures_and_blank_ones_are_flagged() -> None:
    moving = encoded(
        picture("P"), "GIF", save_all=True, append_images=[Image.fromarray(scene(30, 50, seed=1))]
    )
    deep = encoded(Image.fromarray(scene(30, 50)[:, :, 0].astype(np.uint16) * 257), "PNG")
    assert row_of(moving)["flags"] == SEEN | ANIMATED
    assert row_of(deep)["flags"] == SEEN | DEEP
    assert row_of(encoded(Image.new("L", (9, 9), 70), "PNG"))["flags"] == SEEN | BLANK


@pytest.mark.parametrize(
    ("pixels", "blank"),
    [
        (np.full((30, 50, 3), (250, 3, 90), np.uint8), True),
        (np.full((1, 1, 3), (250, 3, 90), np.uint8), True),
        (np.full((30, 50), 40000, np.uint16), True),
        (np.where(np.arange(50) == 9, 30, 20).astype(np.uint8)[None].repeat(30, axis=0), False),
        (np.where(np.arange(50) == 9, 28, 20).astype(np.uint8)[None].repeat(30, axis=0), True),
        (np.where(np.arange(150) == 29, 30, 20).astype(np.uint8).reshape(1, 50, 3).repeat(30, axis=0), False),
    ],
)
def test_blank_is_what_has_one_even_colour(pixels: NDArray[Any], blank: bool) -> None:
    assert bool(row_of(pixels)["flags"] & BLANK) == blank


@pytest.mark.parametrize(
    ("name", "misnamed"),
    [("a/b.png", False), ("B.PNG", False), ("b.jpg", True), ("b.jpeg", True), ("b", False), ("b.dat", False)],
)
def test_a_name_that_ends_in_another_kind_is_flagged(name: str, misnamed: bool) -> None:
    assert bool(row_of(encoded(picture(), "PNG"), name)["flags"] & MISNAMED) == misnamed


def test_pixels_are_of_the_kind_pixels() -> None:
    row = row_of(scene(30, 50))
    assert (KINDS[row["kind"]], MODES[row["mode"]], row["bytes"]) == ("pixels", "colour", 4500)


@pytest.mark.parametrize(
    ("bands", "mode"), [(1, "grey"), (2, "bands"), (3, "colour"), (4, "bands"), (7, "bands")]
)
def test_bands_are_counted_and_never_taken_for_transparency(bands: int, mode: str) -> None:
    pixels = np.repeat(scene(30, 50)[:, :, :1], bands, axis=2).squeeze()
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="minisblack", planarconfig=None if bands == 1 else "contig")
    for content in (file.getvalue(), pixels):
        row = facts_of(content, decode(content, channels=bands), name="a.tif", digest=digest_of(content))
        assert (row["bands"], MODES[row["mode"]]) == (bands, mode)


def test_transparency_and_palettes_are_no_bands() -> None:
    assert [row_of(encoded(picture(mode), "PNG"))["bands"] for mode in ("RGBA", "LA", "P")] == [3, 1, 3]


def test_a_bad_picture_keeps_its_size_and_digest_if_it_could_be_read() -> None:
    row = bad_facts(b"xyz", digest=digest_of(b"xyz"))
    assert (row["flags"], row["bytes"], row["digest"].tobytes()) == (SEEN | BAD, 3, digest_of(b"xyz"))
    assert not bad_facts(None, digest=None)["digest"].any()


def test_a_row_takes_114_bytes() -> None:
    assert FACTS.itemsize == 114
