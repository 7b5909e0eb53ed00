"""A summary leaves a module bit for bit as it was, and makes none of its weights."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import striate

Network = tuple[nn.Module, tuple[int, ...]]


def state(module: nn.Module) -> dict[str, Any]:
    return {
        "values": {k: v.clone() for k, v in module.state_dict().items()},
        "identity": {k: (id(v), v._version) for k, v in module.state_dict(keep_vars=True).items()},
        "grad": [(p.requires_grad, p.grad) for p in module.parameters()],
        "training": [m.training for m in module.modules()],
        "attributes": [sorted(m.__dict__) for m in module.modules()],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in module.modules()],
    }


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_untouched(network: Network, training: bool) -> None:
    module, shape = network
    module.train(training)
    before = state(module)
    striate.summary(module, shape)
    after = state(module)
    for name in ("identity", "grad", "training", "attributes", "hooks"):
        assert after[name] == before[name], name
    for name, value in before["values"].items():
        assert torch.equal(value, after["values"][name])


def test_it_is_untouched_after_an_error_too() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(5))
    before = state(net)
    with pytest.raises(striate.UsageError):
        striate.summary(net, (3, 8, 8))
    assert state(net)["hooks"] == before["hooks"]
    assert state(net)["identity"] == before["identity"]


def test_what_a_forward_leaves_on_its_module_is_taken_back() -> None:
    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("steps", torch.zeros(1))
            self.seen: list[Tensor] = []
            self.calls = 0
            self.plain = torch.zeros(2)

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            self.last = x
            self.seen.append(x)
            self.steps += 1
            self.plain.add_(1)
            self.steps = self.steps * 2
            return x * 2

    net = Keeps()
    buffer = net.steps
    striate.summary(net, (3, 8, 8))
    assert (net.calls, net.seen, hasattr(net, "last")) == (0, [], False)
    assert net.steps is buffer
    assert (net.steps.item(), net.plain.tolist()) == (0, [0, 0])


def test_hooks_of_the_users_own_run_and_stay() -> None:
    net, calls = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), []
    net[0].register_forward_hook(lambda module, args, out: calls.append(tuple(out.shape)))
    net[1].register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    found = striate.summary(net, (3, 8, 8))
    assert calls == [(1, 4, 6, 6)]
    assert [layer.op for layer in found.layers] == ["conv2d", "ReLU"]
    assert (len(net[0]._forward_hooks), len(net[1]._forward_pre_hooks)) == (1, 1)


def test_a_class_is_built_without_memory_for_its_weights() -> None:
    made = []

    def build() -> nn.Module:
        made.append(nn.Sequential(nn.Linear(100_000, 100_000), nn.BatchNorm1d(100_000)))
        return made[0]

    assert striate.summary(build, (100_000,)).total.params == 10_000_300_000
    assert all(t.is_meta for t in made[0].state_dict().values() if t.dim())


def test_a_constructor_may_ask_for_values_it_made_itself() -> None:
    class Drops(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rates = [float(rate) for rate in torch.linspace(0, 0.1, 3)]
            self.weight = nn.Parameter(torch.ones(3, 1, 1) * torch.tensor(0.5))
            nn.init.trunc_normal_(self.weight)

        def forward(self, x: Tensor) -> Tensor:
            return x * self.weight

    assert striate.summary(Drops, (3, 8, 8)).total.params == 3


def test_a_module_on_the_meta_device_is_summarised_as_it_is() -> None:
    with torch.device("meta"):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10))
    assert striate.summary(net, (3, 8, 8)).total.params == 112 + 8 + 1450
    assert all(p.is_meta for p in net.parameters())


def test_lazy_modules_get_their_shapes_in_a_copy_and_stay_lazy() -> None:
    net = nn.Sequential(
        nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10), nn.Linear(10, 2)
    )
    found = striate.summary(net, (3, 8, 8))
    assert found.total.params == 224 + 16 + 2890 + 22
    assert isinstance(net[0], nn.LazyConv2d)
    assert isinstance(net[3].weight, nn.UninitializedParameter)


def test_half_precision_is_counted_in_its_own_bytes() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3)).to(torch.bfloat16)
    assert striate.summary(net, (3, 8, 8)).layers[0].activation_bytes == 4 * 36 * 2


def test_a_data_parallel_wrapper_is_looked_through() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 3))
    assert striate.summary(nn.DataParallel(inner), (3, 8, 8)).layers[0].path == "0"


def test_two_summaries_are_alike(network: Network) -> None:
    module, shape = network
    assert striate.summary(module, shape) == striate.summary(copy.deepcopy(module), shape)
