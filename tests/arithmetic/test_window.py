from fractions import Fraction

import pytest

from striate.arithmetic.plane import output_shape, transposed_shape, windows
from striate.arithmetic.window import Window, same_padding
from striate.errors import UsageError


@pytest.mark.parametrize(
    ("size", "window", "output"),
    [
        (32, Window(5), 28),
        (28, Window(5), 24),
        (7, Window(3), 5),
        (7, Window(3, stride=2), 3),
        (7, Window(3, padding=1), 7),
        (32, Window(5, padding=2), 32),
        (56, Window(1), 56),
        (4, Window(3, padding=1), 4),
        (28, Window(3, padding="same"), 28),
        (28, Window(2, stride=2), 14),
    ],
)
def test_the_sizes_of_the_lecture_come_out(size: int, window: Window, output: int) -> None:
    assert window.output(size) == output
    assert window.exact(size) == output
    assert window.fits(size)
    assert window.dropped(size) == 0


def test_a_stride_that_does_not_divide_leaves_a_fraction_and_drops_a_pixel() -> None:
    window = Window(3, stride=3)
    assert window.exact(7) == Fraction(7, 3)
    assert not window.fits(7)
    assert window.output(7) == 2
    assert window.leftover(7) == 1
    assert window.dropped(7) == 1
    assert window.reads(7) == (1, 1, 1, 1, 1, 1, 0)


def test_padding_left_over_is_not_a_pixel_dropped() -> None:
    stem = Window(7, stride=2, padding=3)
    assert not stem.fits(224)
    assert stem.output(224) == 112
    assert stem.leftover(224) == 1
    assert stem.dropped(224) == 0


def test_padding_lets_border_pixels_count_more_often() -> None:
    assert Window(3).reads(5) == (1, 2, 3, 2, 1)
    assert Window(3, padding=1).reads(5) == (2, 3, 3, 3, 2)
    assert Window(1, stride=2).reads(5) == (1, 0, 1, 0, 1)


def test_the_padded_axis_of_the_lecture_is_9_and_11() -> None:
    assert Window(3, padding=1).padded(7) == 9
    assert Window(3, padding=2).padded(7) == 11


@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (3, 1), (5, 2), (7, 3), (2, (0, 1)), (4, (1, 2))])
def test_same_padding_keeps_the_size_with_the_odd_pixel_after(kernel: int, padding: int) -> None:
    window = Window(kernel, padding="same")
    assert window.padding == padding
    assert window.output(9) == 9


def test_same_padding_follows_the_dilation() -> None:
    assert same_padding(3, dilation=4) == (4, 4)
    assert Window(3, padding="same", dilation=4).output(9) == 9


def test_equal_padding_written_two_ways_is_one_window() -> None:
    assert Window(3, padding=(1, 1)) == Window(3, padding=1) == Window(3, padding="same")
    assert len({Window(3, padding=(1, 1)), Window(3, padding=1)}) == 1


def test_a_ceiled_window_may_run_over_the_end_but_not_start_there() -> None:
    assert Window(3, stride=2).output(6, ceil=True) == 3
    assert Window(3, stride=2).output(2, ceil=True) == 1
    assert Window(1, stride=3).output(5, ceil=True) == 2
    assert Window(3, stride=2).dropped(6) == 1
    assert Window(3, stride=2).dropped(6, ceil=True) == 0
    assert Window(3, stride=2).reads(6, ceil=True) == (1, 1, 2, 1, 2, 1)


def test_a_transposed_window_grows_the_axis() -> None:
    assert Window(2, stride=2).transposed(14) == 28
    assert Window(4, stride=2, padding=1).transposed(7) == 14
    assert Window(3, stride=2, padding=1).transposed(7, output_padding=1) == 14
    assert Window(3, dilation=2).transposed(7) == 11


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"kernel": 0}, "kernel must be a whole number of at least 1; got 0."),
        ({"kernel": 2.5}, "kernel must be a whole number of at least 1; got 2.5."),
        ({"kernel": 3, "stride": 0}, "stride must be a whole number of at least 1; got 0."),
        ({"kernel": 3, "dilation": -1}, "dilation must be a whole number of at least 1; got -1."),
        ({"kernel": 3, "padding": -1}, "padding must be a whole number of at least 0; got -1."),
        ({"kernel": 3, "padding": (1, -1)}, "padding must be a whole number of at least 0; got -1."),
        (
            {"kernel": 3, "padding": "valid"},
            "padding must be a number, a pair (before, after) or 'same'; got 'valid'.",
        ),
        (
            {"kernel": 3, "padding": "same", "stride": 2},
            "padding 'same' needs stride 1; got stride 2. The padding that keeps the size at stride 1 is 1.",
        ),
        (
            {"kernel": 4, "padding": "same", "stride": 2},
            "padding 'same' needs stride 1; got stride 2. "
            "The padding that keeps the size at stride 1 is (1, 2).",
        ),
    ],
)
def test_a_setting_that_is_no_window_is_refused(settings: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError) as error:
        Window(**settings)  # type: ignore[arg-type]
    assert str(error.value) == text


def test_a_window_wider_than_the_axis_is_refused_with_what_would_fit() -> None:
    with pytest.raises(UsageError) as error:
        Window(7, padding=1).output(3)
    assert str(error.value) == (
        "A window of 7 is wider than the axis it slides along: size 3 with padding 1 + 1 is 5. "
        "Use padding 2, a kernel of at most 5, or a size of at least 5."
    )
    assert (
        Window(7, padding=2).output(3)
        == Window(5, padding=1).output(3)
        == Window(7, padding=1).output(5)
        == 1
    )


def test_a_dilated_window_wider_than_the_axis_says_what_dilation_makes_of_it() -> None:
    with pytest.raises(UsageError) as error:
        Window(3, dilation=4, padding=(0, 1)).output(5)
    assert str(error.value) == (
        "A window of 3 (dilation 4 spreads it over 9) is wider than the axis it slides along: size 5 with "
        "padding 0 + 1 is 6. Use padding (2, 3), a kernel of at most 2, or a size of at least 8."
    )


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        Window(3, padding=2).output(0)
    assert str(error.value) == "size must be a whole number of at least 1; got 0."


def test_an_output_padding_as_large_as_the_stride_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        Window(3, stride=2).transposed(7, output_padding=2)
    assert str(error.value) == (
        "output_padding must be smaller than the larger of stride and dilation, 2; got 2."
    )


def test_a_transposed_window_cut_away_by_its_padding_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        Window(2, padding=1).transposed(1)
    assert str(error.value) == (
        "Nothing is left of a transposed window: size 1 grows to 2, and padding 1 + 1 cuts all of it away. "
        "Use less padding."
    )


def test_pooling_takes_padding_of_at_most_half_its_kernel() -> None:
    Window(3, stride=2, padding=1).check_pooling()
    with pytest.raises(UsageError) as error:
        Window(3, stride=2, padding=2).check_pooling()
    assert str(error.value) == "A pooling window of 3 takes padding of at most half of it, 1; got 2."


def test_settings_for_both_axes_are_written_as_in_pytorch() -> None:
    rows, columns = windows((3, 5), stride=2, padding=(1, 2))
    assert rows == Window(3, stride=2, padding=1)
    assert columns == Window(5, stride=2, padding=2)
    assert windows(3, padding="same") == (Window(3, padding=1),) * 2
    assert windows(2, padding=((0, 1), (0, 1))) == (Window(2, padding=(0, 1)),) * 2


def test_shapes_are_channels_first() -> None:
    assert output_shape((3, 32, 32), windows(5, padding=2), channels=10) == (10, 32, 32)
    assert output_shape((64, 28, 28), windows(2, stride=2)) == (64, 14, 14)
    assert transposed_shape((64, 7, 9), windows(2, stride=2), channels=32) == (32, 14, 18)


def test_a_setting_for_the_wrong_number_of_axes_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        windows((3, 3, 3))
    assert str(error.value) == "kernel must have one value for each of the 2 axes; got (3, 3, 3)."
    with pytest.raises(UsageError) as error:
        output_shape((32, 32), windows(3))
    assert str(error.value) == "A shape for 2 windows has 3 numbers, channels first; got (32, 32)."
