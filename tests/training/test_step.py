from pathlib import Path

import pytest
import torch
from jobs import job, linear, store
from torch import Tensor, nn

from striate.data.loader import Batch
from striate.errors import DivergedError
from striate.nets import CATALOG
from striate.tasks.classification import Classification
from striate.training.loop import fit
from striate.training.step import BackPropagation, Forward, NotFiniteError

TASK = Classification(("dark", "bright"))
IMAGES = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
# Networks of more parameters are tried by `make test-all` alone.
QUICK_PARAMETERS = 3_000_000
BATCH = Batch(IMAGES, torch.arange(8) % 2)


def convolution(scale: float = 1.0) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        model[3].weight.mul_(scale)
    return model


def learner(model: nn.Module, precision: str, *, lr: float = 0.1) -> BackPropagation:
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    return BackPropagation(model, TASK, optimizer, forward=Forward(model, precision))


class Heads(nn.Module):
    """A network that also answers half-way."""

    def __init__(self) -> None:
        super().__init__()
        self.net = linear()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.net(x), self.net(x) / 2


@pytest.mark.parametrize(("precision", "error"), [("bf16", 2.0**-7), ("fp16", 2.0**-10)])
def test_outputs_are_float32_and_off_by_no_more_than_the_bits_that_are_left(
    precision: str, error: float
) -> None:
    model = convolution()
    whole, rounded = Forward(model)(IMAGES), Forward(model, precision)(IMAGES)
    assert isinstance(whole, Tensor)
    assert isinstance(rounded, Tensor)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - whole).abs().max() < 4 * error * whole.abs().max()


def test_every_head_is_float32() -> None:
    outputs = Forward(Heads(), "bf16")(IMAGES)
    assert [output.dtype for output in outputs] == [torch.float32] * 2


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if (entry.params or 0) < QUICK_PARAMETERS else pytest.mark.slow)
        for name, entry in CATALOG.items()
        if entry.rule is None
    ],
)
def test_a_network_of_the_catalogue_learns_in_fewer_bits(name: str, precision: str) -> None:
    entry = CATALOG[name]
    torch.manual_seed(0)
    model = entry.make(4, in_channels=entry.input[0], **entry.settings)
    model.to(memory_format=torch.channels_last).train()
    images = torch.randn(2, entry.input[0], entry.smallest, entry.smallest)
    outputs = Forward(model, precision)(images.contiguous(memory_format=torch.channels_last))
    loss = Classification(tuple("abcd")).loss(outputs, torch.tensor([0, 3]))
    loss.backward()
    assert loss.isfinite()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert {gradient.dtype for gradient in gradients} == {torch.float32}
    assert any(gradient.any() for gradient in gradients)
    if precision == "bf16":  # fp16 has not the range, and its loss is multiplied for that
        assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_weights_gradients_and_the_optimizers_state_stay_float32(precision: str) -> None:
    model = convolution()
    ours = learner(model, precision)
    ours.step(BATCH, lr=0.1, progress=0.0, at_once=8)
    assert {p.dtype for p in model.parameters()} | {p.grad.dtype for p in model.parameters()} == {
        torch.float32
    }
    assert {t.dtype for name, t in ours.tensors().items() if "momentum" in name} == {torch.float32}


@pytest.mark.parametrize("at_once", [8, 3])
def test_in_half_precision_a_step_is_that_of_whole_floats_but_for_rounding(at_once: int) -> None:
    halves, floats = convolution(), convolution()
    for _ in range(5):
        learner(halves, "fp16").step(BATCH, lr=0.1, progress=0.0, at_once=at_once)
        learner(floats, "fp32").step(BATCH, lr=0.1, progress=0.0, at_once=8)
    for half, whole in zip(halves.parameters(), floats.parameters(), strict=True):
        assert torch.allclose(half, whole, atol=2e-3)


def test_a_gradient_past_the_range_of_half_precision_is_left_out_and_the_loss_multiplied_by_half() -> None:
    # Times 65,536, where the factor begins, the gradient of the last layer passes 65,504.
    model = convolution(scale=10)
    ours = learner(model, "fp16")
    before = [p.detach().clone() for p in model.parameters()]
    factors = []
    for _ in range(12):
        outcome = ours.step(Batch(IMAGES * 5, BATCH.labels), lr=1e-6, progress=0.0, at_once=8)
        assert outcome.loss < float("inf")
        factors.append(float(ours.tensors()["scaler.scale"]))
        if factors[-1] == 65536 / 2 ** len(factors):
            assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))
    assert factors[0] == 32768
    assert factors[-1] == factors[-2] >= 1
    assert not all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))


def test_a_gradient_that_no_factor_helps_is_an_error() -> None:
    model = convolution()
    model[0].weight.register_hook(lambda gradient: gradient * float("nan"))
    ours = learner(model, "fp16")
    for _ in range(16):  # from 2^16 to 1
        ours.step(BATCH, lr=0.1, progress=0.0, at_once=8)
    with pytest.raises(NotFiniteError) as raised:
        ours.step(BATCH, lr=0.1, progress=0.0, at_once=8)
    assert str(raised.value) == "the gradient became nan"
    assert all(p.isfinite().all() for p in model.parameters())


def test_the_factor_is_a_part_of_the_state() -> None:
    model, other = convolution(scale=10), convolution(scale=10)
    ours = learner(model, "fp16")
    ours.step(Batch(IMAGES * 5, BATCH.labels), lr=1e-6, progress=0.0, at_once=8)
    theirs = learner(other, "fp16")
    theirs.restore(ours.tensors())
    assert {name: float(t) for name, t in theirs.tensors().items() if name.startswith("scaler")} == {
        "scaler.scale": 32768,
        "scaler.growth_factor": 2,
        "scaler.backoff_factor": 0.5,
        "scaler.growth_interval": 2000,
        "scaler._growth_tracker": 0,
    }


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_run_in_fewer_bits_learns_and_is_scored_in_float32(tmp_path: Path, precision: str) -> None:
    model = linear()
    fit(model, job(tmp_path, epochs=6, precision=precision))
    right = (
        (model(store().images.float().div(255).sub(0.5).div(0.25)).argmax(1) == store().labels).float().mean()
    )
    assert right > 0.9


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of its jit
def test_compiled_steps_are_those_of_eager_ones_but_for_rounding() -> None:
    eager, compiled = convolution(), convolution()
    optimizer = torch.optim.SGD(compiled.parameters(), 0.1)
    ours = BackPropagation(compiled, TASK, optimizer, forward=Forward(compiled, compiled=True))
    theirs = BackPropagation(eager, TASK, torch.optim.SGD(eager.parameters(), 0.1))
    for _ in range(3):
        ours.step(BATCH, lr=0.1, progress=0.0, at_once=8)
        theirs.step(BATCH, lr=0.1, progress=0.0, at_once=8)
    for a, b in zip(compiled.parameters(), eager.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_a_run_in_half_precision_whose_numbers_are_nan_ends_as_any_other(tmp_path: Path) -> None:
    model = linear()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError):
        fit(model, job(tmp_path, precision="fp16"))
