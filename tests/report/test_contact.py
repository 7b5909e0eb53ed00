import pytest
import torch

from striate.data.augment.augment import PRESETS
from striate.data.augment.crop import resized
from striate.data.draw import ids_of
from striate.report.contact import EPOCHS, as_seen

IDS = ids_of(["고양이.png", "a & b.png", "宇宙.png"])


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_the_sheet_shows_the_very_pixels_of_the_training(channels: int) -> None:
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (3, channels, 32, 32), dtype=torch.uint8, generator=generator)
    shown = as_seen(images, IDS, PRESETS["aerial"], size=(28, 24))
    assert shown.shape == (3, 1 + EPOCHS, channels, 28, 24)
    torch.testing.assert_close(shown[:, 0], resized(images, size=(28, 24)), rtol=0, atol=0)
    for epoch in range(EPOCHS):
        trained = PRESETS["aerial"](images, IDS, seed=0, epoch=epoch, size=(28, 24))
        torch.testing.assert_close(shown[:, 1 + epoch], trained, rtol=0, atol=0)


def test_deep_pictures_are_shown_in_bytes() -> None:
    images = torch.rand(3, 1, 20, 24) * 255
    shown = as_seen(images, IDS, PRESETS["digits"], size=(20, 24))
    assert shown.dtype == torch.uint8
    assert (shown[:, 0].float() - images).abs().max() <= 0.5
