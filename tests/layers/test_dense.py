import torch
from torch import nn

from striate.layers import DenseLayer


def test_a_dense_layer_puts_its_output_behind_its_input() -> None:
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(DenseLayer(nn.ReLU())(x), torch.cat([x, x.relu()], dim=1))


def test_dense_layers_in_a_row_grow_by_what_each_makes() -> None:
    net = nn.Sequential(DenseLayer(nn.Linear(3, 2)), DenseLayer(nn.Linear(5, 2)))
    assert net(torch.randn(4, 3)).shape == (4, 7)
