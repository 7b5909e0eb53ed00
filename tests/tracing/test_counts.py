import copy

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import striate
from striate.nets import CATALOG

Network = tuple[nn.Module, tuple[int, ...]]


def counted_macs(module: nn.Module, shape: tuple[int, ...]) -> int:
    """The multiply-adds torch counts; on the meta device, where attention and LSTM hide none in one kernel."""
    counter = FlopCounterMode(display=False)
    module = copy.deepcopy(module).eval().to("meta")
    with counter, torch.no_grad():
        module(torch.zeros(1, *shape, device="meta"))
    return int(counter.get_total_flops()) // 2


def every_parameter(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_multiply_adds_are_those_torch_counts(network: Network) -> None:
    module, shape = network
    assert striate.summary(module, shape).total.macs == counted_macs(module, shape)


def test_parameters_are_a_plain_count(network: Network) -> None:
    module, shape = network
    found = striate.summary(module, shape)
    assert found.total.params + found.total.train_only == every_parameter(module)
    assert sum(layer.params for layer in found.layers) == every_parameter(module) - found.total.unused
    assert sum(layer.buffers for layer in found.layers) == sum(b.numel() for b in module.buffers())


def test_the_last_shape_is_that_of_a_real_pass(network: Network) -> None:
    module, shape = network
    with torch.no_grad():
        out = module.eval()(torch.zeros(2, *shape))
    out = out[0] if isinstance(out, tuple) else out
    found = striate.summary(module, shape, batch=2)
    rows = [layer for layer in found.layers if not layer.train_only]
    assert rows[-1].output == tuple(out.shape[1:])


def test_a_batch_multiplies_the_work_and_not_the_parameters(network: Network) -> None:
    module, shape = network
    one, four = striate.summary(module, shape), striate.summary(module, shape, batch=4)
    assert four.total.macs == 4 * one.total.macs
    assert four.total.params == one.total.params


@pytest.mark.parametrize("name", CATALOG)
def test_the_catalogue_has_the_counts_it_states(name: str) -> None:
    entry = CATALOG[name]
    found = striate.summary(lambda: striate.build(name), entry.input)
    assert (found.total.trainable, found.total.macs) == (entry.params, entry.macs)
    if entry.macs < 10**9:
        assert found.total.macs == counted_macs(striate.build(name), entry.input)


def test_the_small_network_of_the_lecture() -> None:
    found = striate.summary(
        lambda: striate.load_module("conv3-64 relu maxpool2 fc-10", input=(1, 28, 28)), (1, 28, 28)
    )
    assert [(layer.output, layer.params, layer.weight) for layer in found.layers if layer.params] == [
        ((64, 28, 28), 640, 576),
        ((10,), 125_450, 125_440),
    ]
    assert [layer.output for layer in found.layers if layer.op == "max_pool2d"] == [(64, 14, 14)]


def test_a_shared_module_counts_once_and_works_each_time() -> None:
    shared = nn.Conv2d(3, 3, 3, padding=1)
    found = striate.summary(nn.Sequential(shared, nn.ReLU(), shared), (3, 8, 8))
    first, _, again = found.layers
    assert (first.params, again.params) == (84, 0)
    assert first.macs == again.macs == 3 * 3 * 9 * 64
    assert again.notes[-1] == "called again, same parameters"
    assert again.receptive_field == (5, 5)


def test_weights_tied_between_two_modules_count_once_and_the_second_says_so() -> None:
    one, two = nn.Linear(8, 8), nn.Linear(8, 8)
    two.weight = one.weight
    found = striate.summary(nn.Sequential(one, two), (8,))
    assert [layer.params for layer in found.layers] == [72, 8]
    assert found.layers[1].notes == ("shares its parameters with 0",)


def test_parameters_are_split_by_the_part_they_play() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    net[3].weight.requires_grad_(False)
    conv, norm, _, fc = striate.summary(net, (3, 3, 3)).layers
    assert (conv.weight, conv.bias, conv.norm, conv.buffers, conv.frozen) == (108, 4, 0, 0, 0)
    assert (norm.weight, norm.bias, norm.norm, norm.buffers) == (0, 0, 8, 9)
    assert (fc.weight, fc.bias, fc.frozen) == (8, 2, 8)
    total = striate.summary(net, (3, 3, 3)).total
    assert (total.params, total.trainable, total.buffers) == (130, 122, 9)


def test_a_head_for_training_is_counted_apart() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head, self.aux = nn.Conv2d(3, 8, 3), nn.Linear(8, 10), nn.Linear(8, 7)

        def forward(self, x: torch.Tensor) -> object:
            x = self.stem(x).mean((2, 3))
            return (self.head(x), self.aux(x)) if self.training else self.head(x)

    found = striate.summary(Two(), (3, 8, 8))
    assert (found.total.params, found.total.train_only) == (224 + 90, 63)
    assert [layer.path for layer in found.layers if layer.train_only] == ["aux"]
    assert found.total.macs == 216 * 36 + 80


def test_parameters_nothing_uses_are_said_to_be_unused() -> None:
    net = nn.Sequential(nn.Linear(4, 4))
    net.spare = nn.Linear(4, 4)
    net.forward = lambda x: net[0](x)  # type: ignore[method-assign]
    found = striate.summary(net, (4,))
    assert found.total.unused == 20
    assert found.warnings == ("No operation uses spare.weight, spare.bias.",)


def test_a_parameter_in_a_plain_list_is_warned_of() -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(4, 4, bias=False)]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.layers[0](x)
            return out

    found = striate.summary(Hidden(), (4,))
    assert found.total.params == 0
    assert found.warnings == (
        "Hidden uses a parameter of shape (4, 4) that is not the module's: is it in a plain list? "
        "It is not in the totals.",
    )


def test_an_operator_of_ones_own_has_no_known_multiply_adds() -> None:
    @torch.library.custom_op("striate_test::mystery", mutates_args=())
    def mystery(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    mystery.register_fake(lambda x: torch.empty_like(x))

    class Own(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ops.striate_test.mystery(x)

    net = nn.Sequential(nn.Conv2d(3, 4, 3), Own())
    found = striate.summary(net, (3, 8, 8))
    assert found.layers[1].macs is None
    assert found.layers[1].receptive_field is None
    assert found.total.macs == found.layers[0].macs
    assert found.warnings == (
        "The multiply-adds of striate_test.mystery.default in 1 are not known and not in the total.",
        "The receptive field is not followed past mystery in 1.",
    )
