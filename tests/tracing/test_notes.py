import pytest
import torch
from torch import Tensor, nn

import striate


def notes(*modules: nn.Module, shape: tuple[int, ...] = (3, 32, 32)) -> list[tuple[str, str]]:
    found = striate.summary(nn.Sequential(*modules), shape)
    return [(layer.path, note) for layer in found.layers for note in layer.notes if "last map" not in note]


def test_pixels_dropped_by_a_stride_are_counted() -> None:
    assert notes(nn.Conv2d(3, 4, 3, 3), shape=(3, 7, 8)) == [
        ("0", "drops the last 1 row and 2 columns: stride 3 does not fit")
    ]
    assert notes(nn.MaxPool2d(2), shape=(3, 7, 8)) == [("0", "drops the last 1 row: stride 2 does not fit")]
    assert notes(nn.MaxPool2d(2, ceil_mode=True), shape=(3, 7, 8)) == []
    assert notes(nn.Conv2d(3, 4, 3, 2, 1), shape=(3, 224, 224)) == []


def test_pixels_stepped_over_are_counted() -> None:
    assert notes(nn.Conv2d(3, 4, 1, 2)) == [("0", "reads 1 of every 4 pixels: its stride exceeds its kernel")]


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(4), nn.InstanceNorm2d(4)])
def test_a_bias_before_a_norm_of_each_channel_has_no_effect(norm: nn.Module) -> None:
    said = "the bias has no effect: the norm after it subtracts it again"
    assert notes(nn.Conv2d(3, 4, 3), norm) == [("0", said)]
    assert notes(nn.Conv2d(3, 4, 3, bias=False), norm) == []
    assert notes(nn.Conv2d(3, 4, 3), nn.ReLU(), norm) == []
    assert notes(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)) == []


def test_a_bias_read_by_others_than_the_norm_has_an_effect() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return x + self.norm(x)

    assert notes(Beside()) == []


def test_an_even_kernel_that_shifts_is_named_and_one_that_strides_is_not() -> None:
    said = "an even kernel shifts the map by half a pixel"
    assert notes(nn.Conv2d(3, 4, 4, padding=2)) == [("0", said)]
    assert notes(nn.MaxPool2d(2), nn.Conv2d(3, 4, 4, 4)) == []


def test_a_window_on_a_map_of_one_pixel_is_named() -> None:
    found = notes(nn.Conv2d(3, 4, 32), nn.Conv2d(4, 4, 3, padding=1))
    assert ("1", "the map is 1x1: 1 of 9 taps meets a pixel, the others padding") in found


def test_a_field_that_stops_short_is_named_at_the_last_map() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(900, 2))
    layers = striate.summary(net, (3, 32, 32)).layers
    assert [layer.path for layer in layers if "last map" in " ".join(layer.notes)] == ["1"]
    assert layers[1].notes == ("the last map: each place sees 4 of 32 pixels, short of the whole image",)
    wide = nn.Sequential(nn.Conv2d(3, 4, 65, padding=32))
    assert striate.summary(wide, (3, 32, 32)).layers[0].notes == ()


def test_a_linear_layer_with_most_of_the_weights_is_named() -> None:
    assert notes(nn.Conv2d(3, 4, 3, 2), nn.Flatten(), nn.Linear(900, 100)) == [
        ("0", "drops the last 1 row and 1 column: stride 2 does not fit"),
        ("2", "holds 100% of all parameters"),
    ]


def test_a_reused_norm_is_named() -> None:
    norm = nn.BatchNorm2d(3)
    assert notes(norm, nn.ReLU(), norm) == [("0", "called again, same parameters")]


def test_the_rows_of_a_small_module_are_one_and_those_of_a_network_of_functions_many() -> None:
    class Swish(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.sigmoid(2 * x)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.zeros(4, 3, 3, 3)), nn.Parameter(torch.zeros(5, 4, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return torch.conv2d(torch.conv2d(x, self.a).relu(), self.b)

    assert [layer.op for layer in striate.summary(Swish(), (3, 8, 8)).layers] == ["Swish"]
    assert [(layer.op, layer.params) for layer in striate.summary(Net(), (3, 8, 8)).layers] == [
        ("conv2d", 108),
        ("relu", 0),
        ("conv2d", 180),
    ]
