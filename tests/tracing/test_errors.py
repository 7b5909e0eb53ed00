"""What a summary cannot do, it says: where, what came, what would help. The whole text is the interface."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import striate


def refusal(module: object, shape: tuple[int, ...]) -> str:
    with pytest.raises(striate.UsageError) as caught:
        striate.summary(module, shape)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_kernel_larger_than_the_map_names_the_layer_the_size_and_what_fits() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 5, 2), nn.ReLU(), nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 8, 5)))
    assert refusal(net, (3, 20, 20)) == (
        "2.1 (Conv2d): its input is 4x4x4. A window of 5 is wider than the axis it slides along: size 4 with "
        "padding 0 + 0 is 4. Use padding 1, a kernel of at most 4, or a size of at least 5. "
        "The smallest picture this network can take is 3x23x23."
    )
    assert striate.summary(net, (3, 23, 23)).layers[-1].output == (8, 1, 1)


def test_wrong_channels_name_the_layer() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(8, 4, 3))
    assert refusal(net, (1, 20, 20)) == "0 (Conv2d): takes 3 channels; its input is 1x20x20."
    assert refusal(net, (3, 20, 20)) == "1 (Conv2d): takes 8 channels; its input is 4x18x18."


def test_a_linear_layer_made_for_another_picture_says_so() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10))
    assert refusal(net, (3, 32, 32)) == (
        "2 (Linear): takes 144 features; its input has 3600. A network that flattens its last map takes "
        "pictures of one size only."
    )


def test_a_norm_for_other_channels_is_refused() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(5))
    assert refusal(net, (3, 8, 8)) == "1 (BatchNorm2d): normalises 5 channels; its input is 4x6x6."


def test_a_forward_of_two_inputs_is_refused() -> None:
    class Pair(nn.Module):
        def forward(self, picture: Tensor, mask: Tensor, scale: float = 1.0) -> Tensor:
            return picture * mask * scale

    assert refusal(Pair(), (3, 8, 8)) == (
        "Pair.forward takes 2 inputs (picture, mask), and a summary gives it one picture. "
        "Wrap it in a module whose forward takes the picture alone and makes the others."
    )


def test_a_branch_on_values_names_the_line() -> None:
    class Chooses(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if x.mean() > 0:
                return x
            return -x

    message = refusal(nn.Sequential(nn.Conv2d(3, 3, 3), Chooses()), (3, 8, 8))
    line = next(
        number
        for number, text in enumerate(Path(__file__).read_text().splitlines(), 1)
        if "if x.mean() > 0:" in text
    )
    assert message == (
        f"1 (Chooses): asks for the values of a tensor (__bool__), and a trace has shapes only. "
        f"test_errors.py:{line}: `if x.mean() > 0:`. "
        f"Let the path through the network depend on shapes, not on values."
    )


def test_a_value_of_a_weight_may_decide_since_it_is_there() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = nn.Parameter(torch.tensor(1.0))
            self.register_buffer("times", torch.tensor(2))

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(int(self.times)):
                x = x * self.gate if self.gate > 0 else x
            return x

    assert len(striate.summary(Gated(), (3, 8, 8)).layers) == 1


def test_shapes_that_do_not_join_are_named() -> None:
    class Joins(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + x[:, :, 1:]

    assert refusal(Joins(), (3, 8, 8)) == (
        "Joins (Joins): add cannot join the shapes (1, 3, 8, 8) and (1, 3, 7, 8): "
        "they must be equal or 1 in each place."
    )


def test_an_error_of_the_modules_own_is_placed() -> None:
    class Fails(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("only squares")

    message = refusal(nn.Sequential(Fails()), (3, 8, 8))
    assert message.startswith("0 (Fails): ValueError: only squares. test_errors.py:")
    assert message.endswith('`raise ValueError("only squares")`.')


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_torchscript_is_refused() -> None:
    scripted = torch.jit.script(nn.Conv2d(3, 4, 3))  # type: ignore[no-untyped-call]
    assert refusal(nn.Sequential(scripted), (3, 8, 8)) == (
        "0 is TorchScript, which runs outside Python and cannot be traced. Give the module it was scripted from."
    )


@pytest.mark.parametrize("shape", [(), (3, 0, 8), (3.0, 8, 8)])
def test_a_shape_that_is_none_is_refused(shape: tuple[int, ...]) -> None:
    assert refusal(nn.ReLU(), shape) == (
        f"input is the shape of one picture, (channels, height, width), in whole numbers; got {shape!r}."
    )


def test_what_is_no_module_is_refused() -> None:
    assert refusal(lambda: 3, (3, 8, 8)) == "summary takes a torch.nn.Module, or what builds one; got int."


def test_no_pictures_are_refused() -> None:
    with pytest.raises(striate.UsageError, match=r"^batch is a whole number of at least 1; got 0\.$"):
        striate.summary(nn.ReLU(), (3, 8, 8), batch=0)
