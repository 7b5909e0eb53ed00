"""The contract catches each kind of broken network, and says so in words."""

import pytest
import torch
from torch import Tensor, nn

import striate
from striate.errors import UsageError, VerificationError
from striate.nets.contract import CHECKS

INPUT = (3, 8, 8)


class Good(nn.Module):
    """A network that keeps every promise; each test breaks one of them in a child."""

    def __init__(self, num_classes: int, *, in_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


def failure(make: type[nn.Module], **stated: int) -> str:
    with pytest.raises(VerificationError) as caught:
        striate.check_network(make, input=INPUT, num_classes=5, smallest=4, **stated)
    return str(caught.value)


def test_a_good_network_passes() -> None:
    striate.check_network(Good, input=INPUT, num_classes=5, smallest=1, params=145, macs=6_932)


def test_a_fixed_number_of_classes_is_caught() -> None:
    class Net(Good):
        def __init__(self, num_classes: int, *, in_channels: int) -> None:
            super().__init__(5, in_channels=in_channels)

    assert failure(Net) == (
        "The network breaks 1 of 10 promises.\n"
        "classes: In eval mode a batch of 1x3x4x4 gives (1, 5), not (1, 2)."
    )


def test_a_fixed_number_of_channels_is_caught() -> None:
    class Net(Good):
        def __init__(self, num_classes: int, *, in_channels: int) -> None:
            super().__init__(num_classes, in_channels=3)

    text = failure(Net)
    assert text.startswith(
        "The network breaks 1 of 10 promises.\nchannels: In eval mode a batch of 1x1x4x4 is refused: "
    )


def test_a_fixed_image_size_is_caught() -> None:
    class Net(Good):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + 0 * x.view(-1, 3 * 8 * 8).sum()

    assert "\nsizes: In eval mode a batch of 1x3x4x4 is refused: " in failure(Net)


def test_whatever_a_network_raises_is_reported() -> None:
    class Net(Good):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                raise KeyError("no labels")
            return super().forward(x)

    assert failure(Net) == "The network breaks 1 of 10 promises.\ngradients: KeyError: 'no labels'"


def test_a_parameter_that_is_not_used_is_caught() -> None:
    class Net(Good):
        def __init__(self, num_classes: int, *, in_channels: int) -> None:
            super().__init__(num_classes, in_channels=in_channels)
            self.spare = nn.Parameter(torch.zeros(1))

    assert failure(Net) == (
        "The network breaks 1 of 10 promises.\n"
        "gradients: 'spare' gets no gradient: nothing it computes reaches the output."
    )


def test_a_gradient_of_zero_is_caught() -> None:
    class Net(Good):
        def forward(self, x: Tensor) -> Tensor:
            return self.fc(torch.relu(self.norm(self.conv(x)) - 100).mean((2, 3)))

    assert failure(Net) == (
        "The network breaks 1 of 10 promises.\ngradients: The gradient of 'conv.weight' is zero."
    )


def test_chance_in_eval_mode_is_caught() -> None:
    class Net(Good):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x + torch.rand_like(x))

    assert failure(Net).splitlines()[1] == (
        "deterministic: In eval mode the same images give other logits the second time."
    )


def test_a_buffer_that_moves_in_eval_mode_is_caught() -> None:
    class Net(Good):
        def __init__(self, num_classes: int, *, in_channels: int) -> None:
            super().__init__(num_classes, in_channels=in_channels)
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.seen += 1
            return super().forward(x)

    assert failure(Net) == (
        "The network breaks 1 of 10 promises.\ndeterministic: In eval mode a forward pass changes 'seen'."
    )


def test_a_norm_over_the_batch_in_eval_mode_is_caught() -> None:
    class Net(Good):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x - x.mean(0, keepdim=True))

    text = failure(Net)
    assert text.startswith(
        "The network breaks 1 of 10 promises.\nbatch: In eval mode an image's logits change by "
    )
    assert text.endswith(" with its batch.")


def test_state_outside_the_state_dict_is_caught() -> None:
    class Net(Good):
        def __init__(self, num_classes: int, *, in_channels: int) -> None:
            super().__init__(num_classes, in_channels=in_channels)
            self.hidden = torch.rand(())

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x * (self.hidden.to(x.device)))

    assert failure(Net) == (
        "The network breaks 1 of 10 promises.\n"
        "state_dict: A new network with the same state_dict gives other logits."
    )


def test_counts_that_are_not_those_stated_are_caught() -> None:
    assert failure(Good, params=1_000, macs=1) == (
        "The network breaks 1 of 10 promises.\ncounts: It has 145 parameters, not 1,000."
    )
    assert failure(Good, macs=1) == (
        "The network breaks 1 of 10 promises.\ncounts: It has 6,932 multiply-adds, not 1."
    )


def test_a_tuple_in_eval_mode_is_caught() -> None:
    class Net(Good):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = super().forward(x)
            return y, y

    with pytest.raises(VerificationError) as caught:
        striate.check_network(Net, input=INPUT, num_classes=5, skip=set(CHECKS) - {"shape"})
    assert str(caught.value) == (
        "The network breaks 1 of 1 promises.\n"
        "shape: In eval mode a batch of 3x3x8x8 gives a tuple, not a tensor."
    )


def test_a_check_can_be_skipped_and_an_unknown_one_is_refused() -> None:
    class Net(Good):
        def __init__(self, num_classes: int, *, in_channels: int) -> None:
            super().__init__(num_classes, in_channels=3)

    striate.check_network(Net, input=INPUT, num_classes=5, skip=["channels"])
    with pytest.raises(UsageError) as caught:
        striate.check_network(Net, skip=["chanels"])
    assert str(caught.value) == "Unknown check 'chanels'. Did you mean 'channels'?"


def test_an_input_without_pixels_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        striate.check_network(Good, input=(3, 0, 8))
    assert str(caught.value) == (
        "A network needs an input of at least 1x1x1 and a class, not (3, 0, 8), 1000."
    )


def test_torchs_random_numbers_are_left_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    striate.check_network(Good, input=INPUT, num_classes=5)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_that_cannot_be_exported_is_caught() -> None:
    class Net(Good):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if x.sum().item() > 0 else -x)

    with pytest.raises(VerificationError) as caught:
        striate.check_network(Net, input=INPUT, num_classes=5, skip=set(CHECKS) - {"exports"})
    assert str(caught.value).startswith(
        "The network breaks 1 of 1 promises.\nexports: torch.export cannot capture it: "
    )
