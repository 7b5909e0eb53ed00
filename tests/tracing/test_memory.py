"""The memory model against torch: what autograd really keeps, and what really is alive."""

import pytest
import torch
from torch import Tensor, nn

import striate


def kept_bytes(module: nn.Module, picture: Tensor) -> int:
    """The bytes of the tensors that autograd keeps for the backward pass, without weights, buffers and picture."""
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers(), picture)}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = module(picture)
    assert out is not None
    return sum(kept.values())


def chain(*modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *modules)


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)) + x)


class Gate(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x * torch.sigmoid(x), x], 1)


CHAINS: dict[str, nn.Module] = {
    "conv relu pool": chain(nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(144, 10)),
    "in place": chain(nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.AvgPool2d(2), nn.Conv2d(8, 8, 1)),
    "residual": chain(Skip(), Skip()),
    "gate": chain(Gate(), nn.Conv2d(16, 2, 1)),
    "tanh sigmoid": chain(nn.Tanh(), nn.Sigmoid(), nn.Conv2d(8, 8, 1), nn.GELU(), nn.Hardswish(), nn.SiLU()),
    "dropout": chain(nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(8, 8, 1), nn.Dropout2d(0.2)),
    "norms": chain(nn.GroupNorm(2, 8), nn.LayerNorm(16), nn.Conv2d(8, 8, 1)),
    "lrn": chain(nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2)),
    "adaptive": chain(nn.AdaptiveAvgPool2d(4), nn.AdaptiveMaxPool2d(3), nn.Flatten(), nn.Linear(72, 4)),
    "softmax": chain(nn.Flatten(), nn.Linear(2048, 10), nn.Softmax(1)),
    "transposed": chain(nn.ConvTranspose2d(8, 4, 2, 2), nn.LeakyReLU(), nn.ELU(), nn.Hardtanh()),
}


@pytest.mark.parametrize("name", CHAINS)
def test_what_is_kept_for_the_backward_pass_is_what_autograd_keeps(name: str) -> None:
    module = CHAINS[name].train()
    found = striate.summary(module, (3, 16, 16), batch=2)
    assert found.total.saved_bytes == kept_bytes(module, torch.rand(2, 3, 16, 16))


def test_frozen_parts_keep_nothing() -> None:
    module = chain(nn.ReLU(), nn.Conv2d(8, 4, 3)).requires_grad_(False)
    assert striate.summary(module, (3, 16, 16)).total.saved_bytes == 0
    module[2].requires_grad_(True)
    assert striate.summary(module, (3, 16, 16)).total.saved_bytes == 8 * 256 * 4


def test_inference_holds_what_is_alive_at_the_widest_place() -> None:
    """Picture 3x16x16; conv 8x16x16 while its input lives; a ReLU beside its input: weights + 2 maps + picture."""
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
    weights, picture, wide = 224 * 4, 768 * 4, 2048 * 4
    assert striate.summary(module, (3, 16, 16)).total.inference_bytes == weights + picture + 2 * wide
    in_place = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True))
    assert striate.summary(in_place, (3, 16, 16)).total.inference_bytes == weights + picture + wide


def test_training_holds_gradients_momentum_and_what_is_kept() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 6, bias=False), nn.ReLU(), nn.Linear(6, 2, bias=False))
    weights, picture = (72 + 12) * 4, 12 * 4
    total = striate.summary(module, (3, 2, 2)).total
    # Kept: the ReLU's output, 6 numbers. At the ReLU: its gradient and that of its input.
    assert total.saved_bytes == 24
    assert total.training_bytes == 3 * weights + picture + 24 + 24 + 24
