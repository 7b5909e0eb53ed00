"""Recomputation gives the same output, gradients, masks and statistics as plain computation."""

import pytest
import torch
from torch import nn

from striate.layers.recompute import recompute
from striate.nets.papers.resnet import ResNet
from striate.nets.papers.resnext import ResNeXt


def trained_one_step(net: nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    net.train()(images).square().sum().backward()
    grads = {f"grad of {name}": p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {**grads, **net.state_dict()}


@pytest.mark.parametrize("network", [ResNet, ResNeXt])
def test_a_checkpointed_network_has_the_same_keys_gradients_and_statistics(network: type[nn.Module]) -> None:
    plain, recomputed = network(3), network(3, checkpoint=True)
    recomputed.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    wanted, found = trained_one_step(plain, images), trained_one_step(recomputed, images)
    assert wanted.keys() == found.keys()
    for key, value in wanted.items():
        assert torch.equal(value, found[key]), key


def test_a_block_with_dropout_draws_the_same_mask_twice() -> None:
    block = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 2, 3))
    x = torch.randn(3, 2, 8, 8)
    results = []
    for run in (lambda: block(x), lambda: recompute(block, x)):
        torch.manual_seed(2)
        block.zero_grad()
        run().square().sum().backward()
        results.append([p.grad.clone() for p in block.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_norm_counts_each_batch_once_and_gets_its_momentum_back() -> None:
    norm = nn.BatchNorm2d(2, momentum=0.3)
    x = torch.randn(3, 2, 8, 8, requires_grad=True)
    recompute(norm, x).square().sum().backward()
    once = nn.BatchNorm2d(2, momentum=0.3)
    once(x)
    assert norm.num_batches_tracked == 1
    assert norm.momentum == 0.3
    assert torch.equal(norm.running_mean, once.running_mean)
    assert torch.equal(norm.running_var, once.running_var)


def test_recomputation_keeps_fewer_bytes_for_the_backward_pass() -> None:
    def kept(net: nn.Module) -> int:
        total = 0

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal total
            total += tensor.numel() * tensor.element_size()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            net.train()(torch.randn(2, 3, 64, 64))
        return total

    assert kept(ResNet(3, checkpoint=True)) < 0.5 * kept(ResNet(3))
