import pytest
import torch
from torch import Tensor, nn

from striate.errors import UsageError
from striate.nets.papers.convolutional import to_fully_convolutional
from striate.nets.papers.lenet import LeNet5, LeNet5Tutorial
from striate.nets.papers.lenet_early import LeNet1, LeNet4


class Plain(nn.Module):
    """AlexNet and VGG in small and without padding: maps, adaptive pooling, two linear layers."""

    def __init__(self, *, pool: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(8, 12, 3), nn.ReLU()
        )
        self.avgpool = nn.AdaptiveAvgPool2d(pool)
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(12 * pool * pool, 20), nn.ReLU(), nn.Dropout(), nn.Linear(20, 7)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def unpadded_tutorial() -> nn.Module:
    net = LeNet5Tutorial()
    net.conv1.padding = (0, 0)
    return net


def slid(net: nn.Module, image: Tensor, *, size: int, stride: int) -> Tensor:
    """Return the logits of every window, one by one, as (classes, h, w)."""
    rows = [
        [
            net(image[None, :, i : i + size, j : j + size])[0]
            for j in range(0, image.shape[2] - size + 1, stride)
        ]
        for i in range(0, image.shape[1] - size + 1, stride)
    ]
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


CASES = {
    "lenet5": (LeNet5, (1, 32, 32), 4),
    "lenet5 with a linear output": (lambda: LeNet5(output="linear"), (1, 32, 32), 4),
    "lenet5-tutorial without padding": (unpadded_tutorial, (1, 32, 32), 4),
    "lenet1": (LeNet1, (1, 28, 28), 4),
    "lenet4": (LeNet4, (1, 32, 32), 4),
    "plain": (lambda: Plain(pool=5), (3, 33, 33), 4),
    "plain with global pooling": (lambda: Plain(pool=1), (3, 33, 33), 4),
}


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_the_map_is_the_network_slid_over_the_image(case: str) -> None:
    torch.manual_seed(0)
    make, shape, stride = CASES[case]
    net = make().double().eval()
    image = torch.randn(shape[0], shape[1] + 2 * stride, shape[2] + 3 * stride + 1, dtype=torch.float64)
    wanted = slid(net, image, size=shape[1], stride=stride)
    got = to_fully_convolutional(net, input=shape)(image[None])[0]
    assert got.shape == wanted.shape == (wanted.shape[0], 3, 4)
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_a_padded_network_agrees_on_the_size_it_was_made_for() -> None:
    torch.manual_seed(0)
    net = LeNet5Tutorial().eval()
    sliding = to_fully_convolutional(net, input=(1, 28, 28))
    x = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(sliding(x)[:, :, 0, 0], net(x))
    assert sliding(torch.randn(1, 1, 40, 28)).shape == (1, 10, 4, 1)


def test_the_copy_has_the_same_weights_and_no_linear_layer() -> None:
    net = LeNet5Tutorial()
    sliding = to_fully_convolutional(net, input=(1, 28, 28))
    assert sum(p.numel() for p in sliding.parameters()) == 61_706
    assert not [m for m in sliding.modules() if isinstance(m, nn.Linear)]
    with torch.no_grad():
        next(sliding.parameters()).zero_()
    assert all(p.any() for p in net.parameters())


def test_pooling_that_would_change_with_the_size_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        to_fully_convolutional(Plain(pool=5), input=(3, 65, 65))
    assert str(caught.value) == (
        "'avgpool' pools a map of 13x13 to 5x5 and cannot slide. "
        "Give the input size at which it pools nothing, or a network that pools to 1x1."
    )


def test_a_step_that_mixes_the_numbers_of_a_vector_is_refused() -> None:
    class Sums(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.flatten(x, 1).cumsum(1)

    with pytest.raises(UsageError) as caught:
        to_fully_convolutional(Sums(), input=(1, 4, 4))
    assert str(caught.value) == (
        "'cumsum' takes a vector and cannot slide over a larger image. "
        "Between the last map and the scores, use flatten, mean, linear layers and activations."
    )
