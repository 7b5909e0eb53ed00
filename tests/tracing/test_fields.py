"""Receptive fields against a numerical one: the pixels whose gradient is not zero, all weights positive."""

import random
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import striate

SIDE = 150


class Branches(nn.Module):
    """Branches whose maps have one size, added or concatenated."""

    def __init__(self, branches: list[nn.Module], join: str) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        parts = [branch(x) for branch in self.branches]
        return torch.cat(parts, 1) if self.join == "cat" else sum(parts[1:], parts[0])


class Stretched(nn.Module):
    """Nearest-neighbour enlargement, which no layer of its own has weights for."""

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2)


def window(draw: random.Random, stride: int) -> nn.Module:
    """A window whose map is ceil(size / stride), so that branches of it can meet."""
    kernel, dilation = draw.choice((1, 3, 5)), draw.choice((1, 1, 2))
    padding = (kernel - 1) // 2 * dilation
    if draw.random() < 0.3:
        return nn.AvgPool2d(3, stride, 1)
    return nn.Conv2d(2, 2, kernel, stride, padding, dilation)


def stage(draw: random.Random) -> nn.Module:
    kind = draw.choice(("single", "branches", "branches", "residual", "transposed", "stretched"))
    stride = draw.choice((1, 1, 2))
    if kind == "single":
        return nn.Conv2d(2, 2, (draw.randint(1, 4), draw.randint(1, 4)), stride, (draw.randint(0, 2), 0))
    if kind == "transposed":
        return nn.ConvTranspose2d(2, 2, draw.randint(2, 4), 2, 1)
    if kind == "stretched":
        return Stretched()
    if kind == "residual":
        return Branches([nn.Identity(), nn.Sequential(window(draw, 1), window(draw, 1))], "add")
    some = [nn.Sequential(window(draw, stride), window(draw, 1)), window(draw, stride)]
    if draw.random() < 0.5:
        return nn.Sequential(Branches(some, "cat"), nn.Conv2d(4, 2, 1))
    return Branches(some, "add")


def network(seed: int) -> nn.Sequential:
    draw = random.Random(seed)
    net = nn.Sequential(*(stage(draw) for _ in range(draw.randint(3, 5)))).double()
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.5)
    return net


def seen(net: nn.Module, places: list[tuple[int, int]]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """The first and last row and column whose gradient is not zero, for each place of the last map."""
    x = torch.ones(1, 2, SIDE, SIDE, dtype=torch.float64, requires_grad=True)
    out = net(x)
    found = {}
    for row, column in places:
        (grad,) = torch.autograd.grad(out[0, 0, row, column], x, retain_graph=True)
        rows, columns = (grad.abs().sum((0, 1)) > 0).nonzero(as_tuple=True)
        found[row, column] = [(int(a.min()), int(a.max())) for a in (rows, columns)]
    return found


@pytest.mark.parametrize("seed", range(50))
def test_the_field_of_a_random_branched_network_is_where_its_gradient_is(seed: int) -> None:
    net = network(seed)
    last = striate.summary(net, (2, SIDE, SIDE)).layers[-1]
    assert last.receptive_field
    assert last.jump
    assert last.start
    height, width = last.output[1:]
    middle = [(height // 2 + down, width // 2 + right) for down, right in ((0, 0), (1, 1), (2, 2), (3, 3))]
    found = seen(net, middle)
    for axis in (0, 1):
        spans = [found[place][axis] for place in middle]
        assert min(spans)[0] > 0, "the field meets the border"
        assert max(b for _, b in spans) < SIDE - 1, "the field meets the border"
        assert max(b - a + 1 for a, b in spans) == last.receptive_field[axis]
        jump = last.jump[axis]
        if not stretched(net):
            assert [b[0] - a[0] for a, b in pairwise(spans)] == [jump] * 3
            assert spans[0][0] == last.start[axis] + middle[0][axis] * jump


def stretched(net: nn.Module) -> bool:
    return any(isinstance(m, nn.ConvTranspose2d | Stretched) for m in net.modules())


def test_the_fields_of_the_classics() -> None:
    """Golden values of the literature: facts on VGG-16's pool5 and LeNet's C5."""
    vgg = "(conv3-4 relu)*2 maxpool2 (conv3-4 relu)*2 maxpool2 (conv3-4 relu)*3 maxpool2 "
    vgg += "(conv3-4 relu)*3 maxpool2 (conv3-4 relu)*3 maxpool2"
    layers = striate.summary(lambda: striate.load_module(vgg, input=(3, 224, 224))).layers
    assert layers[-1].receptive_field == (212, 212)
    lenet = {
        layer.path: layer for layer in striate.summary(lambda: striate.build("lenet5"), (1, 32, 32)).layers
    }
    assert lenet["c5"].receptive_field == (32, 32)
    assert lenet["c3.convs.0"].receptive_field == (14, 14)


def test_two_stacked_3x3_see_what_one_5x5_sees() -> None:
    two = striate.summary(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)), (1, 9, 9)).layers[-1]
    one = striate.summary(nn.Sequential(nn.Conv2d(1, 1, 5)), (1, 9, 9)).layers[-1]
    assert two.receptive_field == one.receptive_field == (5, 5)


def test_branches_of_different_reach_give_the_largest_and_the_range() -> None:
    wide = nn.Sequential(nn.Conv2d(2, 2, 5, padding=2), nn.Conv2d(2, 2, 5, padding=2))
    net = Branches([nn.Identity(), wide], "add")
    last = striate.summary(net, (2, 20, 20)).layers[-1]
    assert (last.receptive_field, last.receptive_field_min, last.start) == ((9, 9), (1, 1), (-4, -4))


def test_a_layer_behind_a_flatten_sees_the_whole_picture_and_not_the_padding_around_it() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 7, padding=3), nn.Flatten(), nn.Linear(72, 3))
    conv, flat, fc = striate.summary(net, (1, 6, 6)).layers
    assert (conv.receptive_field, flat.receptive_field, fc.receptive_field) == ((7, 7), (7, 7), (6, 6))
    assert (fc.jump, fc.start) == (None, (0, 0))


def test_a_squeeze_sees_the_whole_picture_and_leaves_the_branch_beside_it_local() -> None:
    class Squeeze(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * F.adaptive_avg_pool2d(x, 1).sigmoid()

    last = striate.summary(nn.Sequential(nn.Conv2d(2, 2, 3), Squeeze()), (2, 20, 20)).layers[-1]
    assert (last.receptive_field, last.receptive_field_min, last.jump) == ((20, 20), (3, 3), (1, 1))


@pytest.mark.parametrize(
    ("cut", "field", "start", "jump"),
    [
        (lambda x: x[:, :, 2:, 3:], (3, 3), (2, 3), (1, 1)),
        (lambda x: x[..., ::2, 1::2], (3, 3), (0, 1), (2, 2)),
        (lambda x: F.pad(x, (1, 2, 3, 4)), (3, 3), (-3, -1), (1, 1)),
        (lambda x: x.permute(0, 2, 3, 1).permute(0, 3, 1, 2), (3, 3), (0, 0), (1, 1)),
        (lambda x: x.reshape(1, 1, 2, 10, 10).transpose(1, 2).reshape(1, 2, 10, 10), (3, 3), (0, 0), (1, 1)),
        (lambda x: F.pixel_unshuffle(x, 2), (4, 4), (0, 0), (2, 2)),
        (lambda x: x[:, [1, 0, 1]], (3, 3), (0, 0), (1, 1)),
        (lambda x: torch.cat(x.chunk(2, 1)[::-1], 1), (3, 3), (0, 0), (1, 1)),
    ],
)
def test_slices_padding_and_views_are_followed(cut, field, start, jump) -> None:  # type: ignore[no-untyped-def]
    class Cut(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = cut(x)
            return out

    last = striate.summary(nn.Sequential(nn.Conv2d(1, 2, 3), Cut()), (1, 12, 12)).layers[-1]
    assert (last.receptive_field, last.start, last.jump) == (field, start, jump)


def test_what_cuts_the_picture_up_is_said_to_be_unknown() -> None:
    class Windows(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.view(1, 1, 4, 3, 4, 3).mean((3, 5))

    found = striate.summary(nn.Sequential(Windows()), (1, 12, 12))
    assert found.layers[-1].receptive_field is None
    assert found.warnings == ("The receptive field is not followed past view in 0.",)
