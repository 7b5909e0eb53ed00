import pytest
import torch
from torch import nn

from striate.training.optim import OPTIMIZERS, Hyper, make_optimizer


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(4, 2)
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_norms_and_biases_do_not_decay(name: str) -> None:
    model = network()
    optimizer = make_optimizer(name, model, Hyper(lr=0.1, momentum=0.9, weight_decay=0.3))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    named = {name: decay[id(p)] for name, p in model.named_parameters()}
    assert named == {
        "0.weight": 0.3, "0.bias": 0,
        "1.weight": 0, "1.bias": 0,
        "2.weight": 0, "2.bias": 0,
        "4.weight": 0.3, "4.bias": 0,
    }  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_frozen_weights_are_left_out(name: str) -> None:
    model = network()
    model[0].requires_grad_(False)  # type: ignore[index]
    optimizer = make_optimizer(name, model, Hyper(lr=0.1, momentum=0.9, weight_decay=0.3))
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 6


def test_a_network_without_biases_has_one_group() -> None:
    optimizer = make_optimizer("sgd", nn.Linear(2, 2, bias=False), Hyper(0.1, 0.9, 0.3))
    assert len(optimizer.param_groups) == 1


def test_sgd_with_momentum_goes_as_sutskever_et_al_write_it() -> None:
    # v <- 0.9 v + g; w <- w - lr v, and with Nesterov w <- w - lr (g + 0.9 v).
    for name, nesterov in (("sgd", False), ("nesterov", True)):
        weight = nn.Parameter(torch.tensor([[1.0]]))
        model = nn.ParameterList([weight])
        optimizer = make_optimizer(name, model, Hyper(lr=0.1, momentum=0.9, weight_decay=0.0))
        w, v = 1.0, 0.0
        for _ in range(3):
            optimizer.zero_grad()
            (weight**2).sum().backward()
            optimizer.step()
            g = 2 * w
            v = 0.9 * v + g
            w -= 0.1 * (g + 0.9 * v if nesterov else v)
            assert weight.item() == pytest.approx(w, rel=1e-6)
