import random

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from striate.arithmetic.cost import (
    Cost,
    convolution,
    elementwise,
    linear,
    norm,
    pooling,
    transposed_convolution,
)
from striate.errors import UsageError


def test_ten_5x5_filters_over_three_channels_have_760_parameters() -> None:
    cost = convolution((3, 32, 32), (10, 32, 32), (5, 5))
    assert (cost.weights, cost.biases, cost.parameters) == (750, 10, 760)
    assert cost.macs == 10 * 32 * 32 * 75


@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "weights"),
    [((3, 32, 32), (6, 28, 28), 5, 450), ((3, 9, 9), (7, 7, 7), 3, 189), ((3, 32, 32), (1, 28, 28), 5, 75)],
)
def test_the_weights_of_the_lecture_come_out(
    inputs: tuple[int, ...], outputs: tuple[int, ...], kernel: int, weights: int
) -> None:
    assert convolution(inputs, outputs, (kernel, kernel), bias=False).parameters == weights


def test_the_small_network_of_the_lecture_has_640_and_125450_parameters() -> None:
    first = convolution((1, 28, 28), (64, 28, 28), (3, 3))
    last = linear((64 * 14 * 14,), 10)
    assert (first.weights, first.parameters) == (576, 640)
    assert (last.weights, last.parameters) == (125_440, 125_450)
    as_convolution = convolution((64, 14, 14), (10, 1, 1), (14, 14))
    assert as_convolution == last


def test_two_3x3_have_18_weights_against_25() -> None:
    small = convolution((1, 9, 9), (1, 7, 7), (3, 3), bias=False)
    assert (small + convolution((1, 7, 7), (1, 5, 5), (3, 3), bias=False)).weights == 18
    assert convolution((1, 9, 9), (1, 5, 5), (5, 5), bias=False).weights == 25


def test_groups_divide_the_weights_and_the_work() -> None:
    # AlexNet's second layer: 256 5x5 filters over 96 maps, in two towers.
    towers = convolution((96, 27, 27), (256, 27, 27), (5, 5), groups=2)
    assert towers.parameters == 307_456
    assert towers.macs * 2 == convolution((96, 27, 27), (256, 27, 27), (5, 5)).macs
    depthwise = convolution((32, 8, 8), (32, 8, 8), (3, 3), groups=32, bias=False)
    assert (depthwise.weights, depthwise.macs) == (288, 288 * 64)


def test_a_transposed_convolution_works_once_per_input_value() -> None:
    cost = transposed_convolution((64, 7, 7), (32, 14, 14), (2, 2))
    assert (cost.weights, cost.biases) == (64 * 32 * 4, 32)
    assert cost.macs == 64 * 7 * 7 * 32 * 4


def test_a_linear_layer_over_a_sequence_repeats_its_work_not_its_weights() -> None:
    cost = linear((197, 768), 10)
    assert (cost.weights, cost.biases, cost.macs, cost.outputs) == (7680, 10, 197 * 7680, 1970)


def test_what_is_no_multiply_add_is_listed_apart() -> None:
    assert convolution((3, 32, 32), (6, 28, 28), (5, 5)).other_ops == 6 * 28 * 28
    assert convolution((3, 32, 32), (6, 28, 28), (5, 5), bias=False).other_ops == 0
    assert norm((64, 8, 8)) == Cost(norms=128, other_ops=8192, inputs=4096, outputs=4096)
    assert norm((64, 8, 8), affine=False).parameters == 0
    assert norm((197, 768), features=768).norms == 1536
    assert pooling((64, 28, 28), (64, 14, 14), (2, 2)).other_ops == 64 * 28 * 28
    assert elementwise((64, 8, 8)).other_ops == 4096
    assert elementwise((64, 8, 8), operands=2) == Cost(other_ops=4096, inputs=8192, outputs=4096)


def test_costs_add_up() -> None:
    one, two = convolution((3, 32, 32), (6, 28, 28), (5, 5)), norm((6, 28, 28))
    both = one + two
    assert both.parameters == one.parameters + two.parameters
    assert both.flops == 2 * one.macs + one.other_ops + two.other_ops
    assert sum([one, two], Cost()) == both


def test_bytes_follow_the_width_of_an_element() -> None:
    cost = convolution((3, 32, 32), (10, 32, 32), (5, 5))
    assert cost.weight_bytes() == 3040
    assert cost.weight_bytes(element=2) == 1520
    assert cost.activation_bytes() == 40_960
    assert cost.traffic() == 4 * (3072 + 10_240 + 760)


def test_a_batch_repeats_the_work_but_not_the_parameters() -> None:
    one = convolution((3, 32, 32), (10, 32, 32), (5, 5))
    many = one.batch(32)
    assert (many.parameters, many.macs, many.outputs) == (760, 32 * one.macs, 32 * one.outputs)


def test_groups_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(UsageError) as error:
        convolution((3, 8, 8), (6, 8, 8), (3, 3), groups=2)
    assert str(error.value) == "groups must divide the channels in and out; got 2 groups for 3 in and 6 out."


def test_costs_are_what_pytorch_counts() -> None:
    draw = random.Random(21)
    for _ in range(150):
        groups = draw.choice([1, 1, 2, 3])
        before, after = groups * draw.randint(1, 4), groups * draw.randint(1, 4)
        kernel = (draw.randint(1, 4), draw.randint(1, 4))
        bias, stride = draw.random() < 0.5, draw.randint(1, 3)
        for kind, count in ((nn.Conv2d, convolution), (nn.ConvTranspose2d, transposed_convolution)):
            layer = kind(before, after, kernel, stride, groups=groups, bias=bias, device="meta")
            picture = torch.empty(1, before, 9, 8, device="meta")
            with FlopCounterMode(display=False) as counter:
                output = layer(picture)
            cost = count(picture.shape[1:], output.shape[1:], kernel, groups=groups, bias=bias)
            assert cost.macs * 2 == counter.get_total_flops()
            assert cost.parameters == sum(parameter.numel() for parameter in layer.parameters())
            assert (cost.inputs, cost.outputs) == (picture.numel(), output.numel())


def test_a_linear_layer_costs_what_pytorch_counts() -> None:
    layer = nn.Linear(768, 10, device="meta")
    with FlopCounterMode(display=False) as counter:
        layer(torch.empty(197, 768, device="meta"))
    assert linear((197, 768), 10).macs * 2 == counter.get_total_flops()
    assert linear((197, 768), 10).parameters == 7690
