import torch
from torch import nn

from striate.layers import Residual


def test_a_residual_adds_its_input() -> None:
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(Residual(nn.ReLU())(x), x.relu() + x)


def test_a_residual_adds_what_its_shortcut_makes_of_the_input() -> None:
    block = Residual(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(3, 8, 1, stride=2))
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(block(x), block.body(x) + block.shortcut(x))
    assert block(x).shape == (2, 8, 3, 3)


def test_a_shortcut_without_weights_has_no_keys() -> None:
    assert list(Residual(nn.Linear(4, 4)).state_dict()) == ["body.weight", "body.bias"]
