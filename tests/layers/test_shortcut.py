"""The three shortcuts of residual networks."""

import torch
from torch import nn

from striate.layers.shortcut import PaddedShortcut, shortcut


def test_option_a_takes_every_second_pixel_and_adds_maps_of_zeros() -> None:
    x = torch.randn(2, 3, 5, 5)
    y = PaddedShortcut(3, 7, stride=2)(x)
    assert y.shape == (2, 7, 3, 3)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2])
    assert not y[:, 3:].any()


def test_a_and_b_leave_an_unchanged_shape_alone_and_c_projects_it() -> None:
    assert isinstance(shortcut("A", 4, 4, stride=1), nn.Identity)
    assert isinstance(shortcut("B", 4, 4, stride=1), nn.Identity)
    assert isinstance(shortcut("C", 4, 4, stride=1), nn.Sequential)


def test_b_projects_where_the_shape_changes() -> None:
    x = torch.randn(2, 4, 6, 6)
    assert shortcut("B", 4, 8, stride=2)(x).shape == (2, 8, 3, 3)
    assert shortcut("B", 4, 4, stride=2)(x).shape == (2, 4, 3, 3)
