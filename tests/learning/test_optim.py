"""Each rule against the formula of its paper, written down in NumPy, and against torch where striate has its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from striate.cli.train import command
from striate.errors import UsageError
from striate.learning.optim import OPTIMIZERS, Hyper, make_optimizer, refuse_without_filters

Array = NDArray[np.float64]
# Weights, gradient, state, step counted from 1, rate, momentum or beta 1.
Rule = Callable[[Array, Array, dict[str, Any], int, float, float], Array]
LR, MU, DECAY, STEPS = 0.03, 0.8, 0.1, 6


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


def momentum(w: Array, g: Array, s: dict[str, Any], t: int, lr: float, mu: float) -> Array:
    """Polyak 1964, in torch's convention: v <- mu v + g; w <- w - lr v."""
    s["v"] = mu * s.get("v", 0) + g
    return w - lr * s["v"]


def sutskever(w: Array, g: Array, s: dict[str, Any], t: int, lr: float, mu: float) -> Array:
    """Sutskever et al. 2013, equations 1 and 2, which is the lecture's: v <- mu v - lr g; w <- w + v."""
    s["v"] = mu * s.get("v", 0) - lr * g
    return w + s["v"]


def nesterov(w: Array, g: Array, s: dict[str, Any], t: int, lr: float, mu: float) -> Array:
    """Sutskever et al. 2013 as the lecture writes it for a gradient taken at the weights, not ahead of them."""
    before = s.get("v", 0)
    s["v"] = mu * before - lr * g
    return w - mu * before + (1 + mu) * s["v"]


def adagrad(w: Array, g: Array, s: dict[str, Any], t: int, lr: float, mu: float) -> Array:
    """Duchi, Hazan, Singer 2011, equation 1 with a diagonal matrix."""
    s["sum"] = s.get("sum", 0) + g**2
    return w - lr * g / (np.sqrt(s["sum"]) + 1e-10)


def rmsprop(w: Array, g: Array, s: dict[str, Any], t: int, lr: float, mu: float) -> Array:
    """Tieleman, Hinton 2012, slide 29: the mean square of the gradient, 0.9 of it kept; the step has momentum."""
    s["square"] = 0.9 * s.get("square", 0) + 0.1 * g**2
    s["v"] = mu * s.get("v", 0) + g / (np.sqrt(s["square"]) + 1e-8)
    return w - lr * s["v"]


def adadelta(w: Array, g: Array, s: dict[str, Any], t: int, lr: float, mu: float) -> Array:
    """Zeiler 2012, algorithm 1, with rho 0.95 and epsilon 1e-6; the rate is an addition of later times."""
    rho, epsilon = 0.95, 1e-6
    s["g"] = rho * s.get("g", 0) + (1 - rho) * g**2
    change = -np.sqrt(s.get("x", 0) + epsilon) / np.sqrt(s["g"] + epsilon) * g
    s["x"] = rho * s.get("x", 0) + (1 - rho) * change**2
    return w + lr * change


def adam(w: Array, g: Array, s: dict[str, Any], t: int, lr: float, mu: float) -> Array:
    """Kingma, Ba 2015, algorithm 1."""
    s["m"] = mu * s.get("m", 0) + (1 - mu) * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    return w - lr * (s["m"] / (1 - mu**t)) / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-8)


COUPLED: list[tuple[str, Rule]] = [
    ("sgd", momentum),
    ("sgd", sutskever),
    ("momentum", momentum),
    ("momentum", sutskever),
    ("nesterov", nesterov),
    ("adagrad", adagrad),
    ("rmsprop", rmsprop),
    ("adadelta", adadelta),
    ("adam", adam),
]


def curve(w: Array) -> Array:
    """Return the gradient of the sum of cosh(w) + w^2 at a weight: not in proportion to it."""
    return np.sinh(w) + 2 * w


def descend(name: str, start: Array, *, weight_decay: float, mu: float = MU) -> list[Array]:
    """Return where an optimizer is after each step."""
    weight = nn.Parameter(torch.tensor(start))
    optimizer = make_optimizer(name, nn.ParameterList([weight]), Hyper(LR, mu, weight_decay))
    places = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        (weight.cosh() + weight**2).sum().backward()
        optimizer.step()
        places.append(weight.detach().numpy().copy())
    return places


def start(*shape: int) -> Array:
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("weight_decay", [0.0, DECAY])
@pytest.mark.parametrize(("name", "rule"), COUPLED)
def test_a_step_is_the_papers_with_decay_added_to_the_gradient(
    name: str, rule: Rule, weight_decay: float
) -> None:
    w, state = start(2, 3), dict[str, Any]()
    for t, ours in enumerate(descend(name, w, weight_decay=weight_decay), 1):
        w = rule(w, curve(w) + weight_decay * w, state, t, LR, MU)
        np.testing.assert_allclose(ours, w, rtol=1e-9)


def test_adamw_decays_apart_from_the_gradient() -> None:
    """Loshchilov, Hutter 2019, algorithm 2."""
    w, state = start(2, 3), dict[str, Any]()
    for t, ours in enumerate(descend("adamw", w, weight_decay=DECAY), 1):
        w = adam(w, curve(w), state, t, LR, MU) - LR * DECAY * w
        np.testing.assert_allclose(ours, w, rtol=1e-9)


def test_sgd_without_momentum_goes_down_the_gradient() -> None:
    w = start(2, 3)
    for name in ("sgd", "nesterov"):
        assert np.allclose(descend(name, w, weight_decay=0, mu=0.0)[0], w - LR * curve(w), rtol=1e-12)


def quintic(matrix: Array) -> Array:
    """Return U p(S) V' of a matrix U S V', where p is Muon's polynomial five times over, by singular values."""
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    s = s / np.sqrt((s**2).sum())
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return (u * s) @ v


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (32, 3, 2, 2), (5, 2, 3)])
def test_muon_turns_the_filters_as_matrices(shape: tuple[int, ...]) -> None:
    """Jordan et al. 2024; Liu et al. 2025, equation 4: a step of 0.2 times the root of the longer side."""
    w, v = start(*shape), np.zeros(shape)
    rows = (shape[0], int(np.prod(shape[1:])))
    for ours in descend("muon", w, weight_decay=DECAY):
        g = curve(w)
        v = MU * v + (1 - MU) * g
        turned = quintic(((1 - MU) * g + MU * v).reshape(rows)).reshape(shape)
        w = w - LR * DECAY * w - LR * 0.2 * max(rows) ** 0.5 * turned
        np.testing.assert_allclose(ours, w, rtol=1e-7, atol=1e-9)


def test_muon_goes_where_torchs_goes_that_takes_matrices_only() -> None:
    w = start(6, 2, 3, 1)
    theirs = nn.Parameter(torch.tensor(w.reshape(6, 6), dtype=torch.float32))
    optimizer = torch.optim.Muon(
        [theirs], lr=LR, momentum=MU, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"
    )
    for ours in descend("muon", w.astype(np.float32), weight_decay=DECAY):
        theirs.grad = torch.tensor(curve(theirs.detach().numpy()))
        optimizer.step()
        # Theirs iterates in bfloat16, of three digits.
        np.testing.assert_allclose(ours.reshape(6, 6), theirs.detach().numpy(), atol=2e-3)


def test_muon_leaves_what_is_no_filter_to_adamw() -> None:
    for shape in ((2, 3), (4,)):
        ours = descend("muon", start(*shape), weight_decay=DECAY, mu=0.95)
        theirs = descend("adamw", start(*shape), weight_decay=DECAY, mu=0.9)
        np.testing.assert_array_equal(ours, theirs)


def test_muon_is_refused_where_there_are_no_filters() -> None:
    refuse_without_filters("muon", network(), net="lenet5")
    refuse_without_filters("adamw", nn.Linear(2, 2), net="mlp")
    with pytest.raises(UsageError) as raised:
        refuse_without_filters("muon", nn.Linear(2, 2), net="mlp")
    assert str(raised.value) == "muon is for the filters of convolutions, and mlp has none. Take adamw."


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_weight_whose_gradient_nobody_asked_for_stays(name: str) -> None:
    torch.manual_seed(0)
    model = network()
    before = [p.clone() for p in model.parameters()]
    optimizer = make_optimizer(name, model, Hyper(0.1, 0.5, 0.1))
    model[4](torch.ones(1, 4)).square().sum().backward()  # type: ignore[index]
    optimizer.step()
    same = [torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert same == [True] * 6 + [False] * 2


def test_the_command_line_offers_every_optimizer() -> None:
    flag = next(param for param in command.params if param.name == "optimizer")
    assert list(flag.type.choices) == list(OPTIMIZERS)  # type: ignore[attr-defined]
