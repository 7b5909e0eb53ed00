import numpy as np
import torch
from torch import Tensor

from striate.data.augment.augment import Augment
from striate.data.augment.mirror import draw_mirrored, draw_symmetry, turned
from striate.data.draw import Draws, sample_id

IDS = np.array([sample_id(str(i)) for i in range(800)], np.uint64)


def batch(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


def test_alternating_shows_each_picture_both_ways_in_any_two_epochs() -> None:
    first = draw_mirrored(Draws(IDS, 5, 0), alternate=True)
    assert 300 < first.sum() < 500
    for epoch in range(6):
        mirrored = draw_mirrored(Draws(IDS, 5, epoch), alternate=True)
        assert (mirrored == (first if epoch % 2 == 0 else ~first)).all()
    assert (draw_mirrored(Draws(IDS, 6, 0), alternate=True) != first).any()


def test_drawn_mirroring_differs_from_epoch_to_epoch_in_half_of_the_pictures() -> None:
    zero, one = (draw_mirrored(Draws(IDS, 5, epoch), alternate=False) for epoch in (0, 1))
    assert 300 < (zero != one).sum() < 500


def test_alternating_mirrors_the_pictures_it_says() -> None:
    images = batch(20, 3, 6, 7)
    out = Augment(alternate=True)(images, IDS[:20], seed=5, epoch=1)
    mirrored = draw_mirrored(Draws(IDS[:20], 5, 1), alternate=True)
    for i in range(20):
        assert torch.equal(out[i], images[i].flip(2) if mirrored[i] else images[i])


def test_half_of_the_pictures_are_turned_upside_down() -> None:
    images = batch(800, 1, 3, 3)
    out = Augment(upside_down=True)(images, IDS, seed=0, epoch=0)
    same, over = ((out == other).flatten(1).all(1) for other in (images, images.flip(2)))
    assert (same | over).all()
    assert 340 < (over & ~same).sum() < 460


def test_the_eight_symmetries_are_drawn_alike_and_no_other_picture_comes_out() -> None:
    images = batch(800, 2, 4, 4)
    out = turned(images, draw_symmetry(Draws(IDS, 0, 0), size=(4, 4)))
    turns = [torch.rot90(each, n, (2, 3)) for each in (images, images.flip(3)) for n in range(4)]
    found = torch.stack([(out == each).flatten(1).all(1) for each in turns])
    assert (found.sum(0) == 1).all()
    counts = found.sum(1).double()
    # Chi-square with 7 degrees of freedom is over 24.3 once in a thousand.
    assert ((counts - 100) ** 2 / 100).sum() < 24.3


def test_pictures_that_are_not_square_keep_their_shape() -> None:
    images = batch(800, 1, 3, 4)
    out = turned(images, draw_symmetry(Draws(IDS, 0, 0), size=(3, 4)))
    kept = [images, images.flip(3), images.flip(2), images.flip((2, 3))]
    counts = torch.stack([(out == each).flatten(1).all(1) for each in kept]).sum(1)
    assert counts.sum() == 800
    assert counts.min() > 150
