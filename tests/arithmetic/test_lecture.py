"""The worked examples of the lecture notes that are arithmetic; tests/cli/test_window.py asks the same."""

from fractions import Fraction

import striate
from striate.arithmetic.cost import convolution, linear
from striate.arithmetic.layer import Layer
from striate.arithmetic.patch import pool
from striate.arithmetic.plane import output_shape, windows


def conv(
    shape: tuple[int, int, int], kernel: int, *, filters: int, padding: int = 0, bias: bool = True
) -> Layer:
    rows, columns = windows(kernel, padding=padding)
    return Layer(shape, (rows, columns), filters=filters, bias=bias)


def test_one_5x5x3_filter_takes_75_products_and_a_bias_to_a_28x28_map() -> None:
    layer = conv((3, 32, 32), 5, filters=1)
    assert (layer.products, layer.cost.biases) == (75, 1)
    assert layer.output == (1, 28, 28)


def test_six_then_ten_filters_of_5x5_stack() -> None:
    six = conv((3, 32, 32), 5, filters=6)
    ten = conv((6, 28, 28), 5, filters=10)
    assert six.output == ten.shape == (6, 28, 28)
    assert ten.output == (10, 24, 24)


def test_7x7_with_filter_3_gives_5_then_3_and_does_not_fit_at_stride_3() -> None:
    assert [striate.Window(3, stride=stride).exact(7) for stride in (1, 2, 3)] == [5, 3, Fraction(7, 3)]
    assert [striate.Window(3, stride=stride).fits(7) for stride in (1, 2, 3)] == [True, True, False]
    assert striate.fixes(striate.Window(3, stride=3), 7)[0].value == 1


def test_padding_1_keeps_7x7_and_makes_it_9x9_first() -> None:
    assert striate.Window(3, padding=1).output(7) == 7
    assert [striate.Window(3, padding=padding).padded(7) for padding in (1, 2)] == [9, 11]


def test_the_size_formula_holds_for_every_window_that_fits() -> None:
    for n in range(1, 30):
        for f in range(1, 8):
            for s in range(1, 5):
                for p in range(4):
                    window = striate.Window(f, stride=s, padding=p)
                    if window.fits(n):
                        assert window.output(n) == (n + 2 * p - f) / s + 1


def test_ten_5x5_with_padding_2_keep_32x32_and_have_760_parameters() -> None:
    layer = conv((3, 32, 32), 5, filters=10, padding=2)
    assert layer.output == (10, 32, 32)
    assert layer.cost.parameters == (5 * 5 * 3 + 1) * 10 == 760


def test_six_5x5_maps_hang_on_450_weights() -> None:
    assert conv((3, 32, 32), 5, filters=6).cost.weights == 450


def test_seven_3x3x3_filters_without_bias_have_189_parameters() -> None:
    assert conv((3, 9, 9), 3, filters=7, bias=False).cost.parameters == 189


def test_a_1x1_filter_is_a_dot_product_over_the_channels() -> None:
    layer = conv((64, 56, 56), 1, filters=32)
    assert layer.output == (32, 56, 56)
    assert layer.products == 64


def test_a_1x1_convolution_is_a_fully_connected_layer_at_each_place() -> None:
    for filters in (1, 16, 512):
        layer = conv((512, 100, 100), 1, filters=filters)
        everywhere = linear((100, 100, 512), filters)
        assert layer.output == (filters, 100, 100)
        assert (layer.cost.parameters, layer.cost.macs) == (everywhere.parameters, everywhere.macs)


def test_4x4_with_filter_3_and_padding_1_stays_4x4() -> None:
    assert output_shape((1, 4, 4), windows(3, padding=1)) == (1, 4, 4)


def test_the_maxima_of_the_board_are_6_8_3_4() -> None:
    rows, columns = windows(2, stride=2)
    assert pool([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], (rows, columns)) == [[6, 8], [3, 4]]


def test_the_small_network_has_640_and_125450_parameters() -> None:
    first = conv((1, 28, 28), 3, filters=64, padding=1)
    rows, columns = windows(2, stride=2)
    pooled = Layer(first.output, (rows, columns), kind="max")
    assert pooled.output == (64, 14, 14)
    last = linear((64 * 14 * 14,), 10)
    assert (first.cost.weights, first.cost.parameters) == (576, 640)
    assert (last.weights, last.parameters) == (125_440, 125_450)


def test_two_3x3_see_5_with_18_weights_against_25() -> None:
    small, large = striate.Window(3), striate.Window(5)
    assert striate.Field().through(small).through(small).size == 5
    assert striate.Field().through(large).size == 5
    assert 2 * convolution((1, 9, 9), (1, 7, 7), (3, 3), bias=False).weights == 18
    assert convolution((1, 9, 9), (1, 5, 5), (5, 5), bias=False).weights == 25


def test_filters_of_3_5_and_7_keep_the_size_with_padding_1_2_and_3() -> None:
    assert [striate.Window(kernel, padding="same").padding for kernel in (3, 5, 7)] == [1, 2, 3]


def test_padding_makes_border_pixels_count_nearly_as_often_as_the_rest() -> None:
    assert min(striate.Window(3).reads(7)) == 1
    assert min(striate.Window(3, padding=1).reads(7)) == 2
