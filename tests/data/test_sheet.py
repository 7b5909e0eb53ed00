import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from striate.data.augment import PRESETS, Augment
from striate.data.crop import resized
from striate.data.draw import sample_id
from striate.data.sheet import GAP, Sheet, contact_sheet, in_words

IDS = np.array([sample_id(str(i)) for i in range(3)], np.uint64)
CAPTIONS = [("고양이", "train/고양이/사진1.jpg"), ("<b>Ωμέγα</b>", "a & b.png"), ("ロケット", "宇宙.png")]


def sheet(channels: int = 3, *, stored: int = 32, size: int = 28, preset: str = "photos") -> Sheet:
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (3, channels, stored, stored), dtype=torch.uint8, generator=generator)
    augment = PRESETS[preset]
    return contact_sheet(images, IDS, augment, captions=CAPTIONS, size=(size, size), epochs=4, seed=7)


def pictures_of(page: str) -> list[Image.Image]:
    urls = re.findall(r'src="data:image/[a-z]+;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(url))) for url in urls]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_page_shows_the_very_pixels_of_the_training(channels: int) -> None:
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (3, channels, 32, 32), dtype=torch.uint8, generator=generator)
    shown = pictures_of(sheet(channels).html(title="x"))
    assert len(shown) == 3 * 5
    expected = [resized(images, size=(28, 28))]
    expected += [PRESETS["photos"](images, IDS, seed=7, epoch=epoch, size=(28, 28)) for epoch in range(4)]
    for i in range(3):
        for column, batch in enumerate(expected):
            pixels = np.asarray(shown[5 * i + column]).reshape(28, 28, channels).transpose(2, 0, 1)
            np.testing.assert_array_equal(pixels, batch[i].numpy())


def test_the_png_has_a_row_for_each_picture_and_no_text() -> None:
    made = sheet()
    image = np.asarray(Image.open(io.BytesIO(made.png())))
    assert image.shape == (GAP + 3 * (28 + GAP), GAP + 5 * (28 + GAP), 3)
    for i in range(3):
        for column, batch in enumerate([made.whole, *made.seen]):
            top, left = GAP + i * (28 + GAP), GAP + column * (28 + GAP)
            picture = image[top : top + 28, left : left + 28].transpose(2, 0, 1)
            np.testing.assert_array_equal(picture, batch[i].numpy())
    assert (image[:GAP] == 255).all()


def test_the_page_names_what_it_shows_in_any_script_and_fetches_nothing() -> None:
    page = sheet(preset="strong").html(title="사진 <모음>")
    assert "<h1>사진 &lt;모음&gt;</h1>" in page
    for label, name in (
        ("고양이", "train/고양이/사진1.jpg"),
        ("&lt;b&gt;Ωμέγα&lt;/b&gt;", "a &amp; b.png"),
        ("ロケット", "宇宙.png"),
    ):
        assert f"<b>{label}</b><span>{name}</span>" in page
    assert "area 0.2 to 1, flip, trivial, erasing 0.25. " in page
    assert "http" not in page.replace("http-equiv", "")
    assert "에포크</span> 4" in page


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGB"), (9, "RGB")])
def test_of_other_channels_the_first_are_shown_and_that_is_said(channels: int, mode: str) -> None:
    page = sheet(channels, preset="aerial").html(title="x")
    assert {picture.mode for picture in pictures_of(page)} == {mode}
    assert ("Of the channels the first are shown." in page) == (channels not in (1, 3))


def test_larger_pictures_are_jpegs_so_that_the_page_stays_small() -> None:
    page = sheet(stored=80, size=70).html(title="x")
    assert {picture.format for picture in pictures_of(page)} == {"JPEG"}
    assert "image-rendering: auto" in page
    assert "image-rendering: pixelated" in sheet().html(title="x")


def test_deep_pictures_are_shown_in_bytes_at_their_own_size() -> None:
    images = torch.rand(3, 1, 20, 24) * 255
    made = contact_sheet(images, IDS, PRESETS["digits"], captions=CAPTIONS, epochs=2)
    assert (made.whole.dtype, made.seen.dtype) == (torch.uint8, torch.uint8)
    assert made.seen.shape == (2, 3, 1, 20, 24)
    assert (made.whole.float() - images).abs().max() <= 0.5


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        (Augment(), "none"),
        (PRESETS["photos"], "area 0.35 to 1, flip, brightness 0.2, contrast 0.2, saturation 0.2"),
        (Augment(upside_down=True, rotation=10, fill="black"), "upside down, rotation 10, fill black"),
    ],
)
def test_an_augmentation_is_told_by_what_it_does(augment: Augment, words: str) -> None:
    assert in_words(augment) == words
