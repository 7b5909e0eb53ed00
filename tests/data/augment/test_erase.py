import numpy as np
import torch

from striate.data.augment.erase import AREA, RATIO, erased
from striate.data.draw import Draws, sample_id

IDS = np.array([sample_id(str(i)) for i in range(2_000)], np.uint64)


def box(changed: torch.Tensor) -> tuple[int, int, int, int]:
    """Return the box (top, left, height, width) around what has changed in (C, H, W)."""
    rows, columns = changed.any(0).any(1).nonzero().flatten(), changed.any(0).any(0).nonzero().flatten()
    top, left = int(rows[0]), int(columns[0])
    return top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left


def test_a_share_of_the_pictures_gets_one_box_of_noise() -> None:
    # Half a level, which no noise has, so that all of a box is seen to have changed.
    images = torch.full((2_000, 2, 32, 40), 127.5)
    out = erased(images, Draws(IDS, 1, 2), share=0.3)
    changed = out != images
    hit = changed.flatten(1).any(1)
    assert 520 < hit.sum() < 680
    for picture in changed[hit]:
        top, left, height, width = box(picture)
        assert picture[:, top : top + height, left : left + width].all()
        assert picture.sum() == 2 * height * width
        # Within the range but for the rounding of a side to whole pixels.
        assert AREA[0] - 0.02 < height * width / 1280 < AREA[1] + 0.02
        assert RATIO[0] * 0.7 < width / height < RATIO[1] / 0.7


def test_the_noise_has_every_level_alike_and_differs_from_picture_to_picture() -> None:
    images = torch.full((400, 3, 32, 32), 127.5)
    out = erased(images, Draws(IDS[:400], 1, 2), share=1.0)
    noise = out[out != images]
    assert ((noise >= 0) & (noise <= 255) & (noise == noise.round())).all()
    counts = torch.bincount(noise.long(), minlength=256).double()
    mean = counts.mean()
    # Chi-square with 255 degrees of freedom is over 330 once in a thousand.
    assert ((counts - mean) ** 2 / mean).sum() < 330
    pairs = noise[: len(noise) // 2 * 2].view(-1, 2)
    assert abs(float(torch.corrcoef(pairs.T)[0, 1])) < 0.02


def test_bytes_and_floats_get_the_same_noise_and_none_is_left_alone() -> None:
    images = torch.randint(0, 256, (50, 3, 20, 20), dtype=torch.uint8)
    draws = Draws(IDS[:50], 1, 2)
    assert torch.equal(erased(images, draws, share=1.0).float(), erased(images.float(), draws, share=1.0))
    assert torch.equal(erased(images, draws, share=0.0), images)


def test_noise_is_of_the_sample_not_of_its_place() -> None:
    draws, other = Draws(IDS[:5], 1, 2), Draws(IDS[[3, 1]], 1, 2)
    assert (draws.noise("x", 3, 99) == other.noise("x", 0, 99)).all()
    assert (draws.noise("x", 3, 99) != draws.noise("x", 4, 99)).any()
    assert (draws.noise("x", 3, 16) == draws.noise("x", 3, 99)[:16]).all()
    assert draws.noise("x", 0, 0).size == 0
