import random
from fractions import Fraction

import pytest
import torch
from torch import nn

from striate.arithmetic.patch import convolve, pool
from striate.arithmetic.plane import windows
from striate.arithmetic.window import Window
from striate.errors import UsageError

BOARD = [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
TWO = (Window(2, stride=2), Window(2, stride=2))


def test_the_max_pool_of_the_lecture_comes_out() -> None:
    assert pool(BOARD, TWO) == [[6, 8], [3, 4]]


def test_an_average_is_a_fraction_not_a_rounded_number() -> None:
    assert pool(BOARD, TWO, how="average") == [[Fraction(13, 4), Fraction(21, 4)], [2, 2]]


def test_a_filter_sums_its_products_and_adds_its_bias() -> None:
    edge = [[1, 0], [0, -1]]
    assert convolve(BOARD, edge, (Window(2), Window(2)), bias=10) == [[5, 4, 4], [13, 15, 17], [11, 9, 7]]


def test_pooled_and_convolved_numbers_are_those_of_pytorch() -> None:
    draw = random.Random(8)
    for _ in range(200):
        matrix = [[draw.randint(-9, 9) for _ in range(7)] for _ in range(6)]
        picture = torch.tensor(matrix, dtype=torch.float64)[None, None]
        k, s, p = draw.randint(1, 4), draw.randint(1, 3), draw.randint(0, 2)
        p, ceil = min(p, k // 2), draw.random() < 0.5
        rows, columns = windows(k, stride=s, padding=p)
        largest = nn.MaxPool2d(k, s, p, ceil_mode=ceil)(picture)[0, 0]
        assert pool(matrix, (rows, columns), ceil=ceil) == largest.tolist()
        mean = nn.AvgPool2d(k, s, p, ceil_mode=ceil)(picture)[0, 0]
        exact = pool(matrix, (rows, columns), how="average", ceil=ceil)
        assert [[float(value) for value in row] for row in exact] == [
            pytest.approx(row) for row in mean.tolist()
        ]
        weights = [[draw.randint(-3, 3) for _ in range(k)] for _ in range(k)]
        layer = nn.Conv2d(1, 1, k, s, p, bias=False, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weights))
            assert convolve(matrix, weights, (rows, columns)) == layer(picture)[0, 0].tolist()


@pytest.mark.parametrize("matrix", [[], [[]], [[1, 2], [3]]])
def test_rows_of_different_lengths_are_refused(matrix: list[list[int]]) -> None:
    with pytest.raises(UsageError) as error:
        pool(matrix, TWO)
    assert str(error.value) == "A matrix has rows of one length, of at least one number each."


def test_a_filter_of_another_size_than_the_window_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        convolve(BOARD, [[1, 2, 3]], TWO)
    assert str(error.value) == "The filter has 1x3 weights, but the window is 2x2."


def test_a_maximum_over_padding_alone_is_refused() -> None:
    window = Window(2, dilation=2, padding=1, stride=2)
    with pytest.raises(UsageError) as error:
        pool([[1]], (window, window))
    assert str(error.value) == "A window over padding alone has no maximum. Use less padding or dilation."
