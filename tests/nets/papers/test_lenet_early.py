import torch
from torch import nn

from striate.nets.papers.lenet import Subsampling
from striate.nets.papers.lenet_early import LeNet1, LeNet4


def connections(net: nn.Module, size: int) -> int:
    """Count as the papers do: weights and biases times the places they are used at."""
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        places = output.shape[2] * output.shape[3] if output.dim() == 4 else 1
        if isinstance(layer, Subsampling):
            total += output[0].numel() * (2 * 2 + 1)
        else:
            total += places * sum(p.numel() for p in layer.parameters())

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | Subsampling):
            layer.register_forward_hook(count)
    net(torch.zeros(1, 1, size, size))
    return total


def test_lenet1_has_the_parameters_and_connections_of_1989() -> None:
    net = LeNet1()
    assert sum(p.numel() for p in net.parameters()) == 2_578
    assert connections(net, 28) == 98_442


def test_lenet4_has_the_connections_its_paper_rounds() -> None:
    net = LeNet4()
    assert sum(p.numel() for p in net.parameters()) == 50_698
    assert connections(net, 32) == 262_306
    assert round(connections(net, 32), -4) == 260_000


def test_each_first_map_of_lenet4_feeds_two_subsampled_ones() -> None:
    net = LeNet4()
    seen = []
    net.s2.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net(torch.randn(1, 1, 32, 32))
    assert torch.equal(seen[0][:, 0::2], seen[0][:, 1::2])
