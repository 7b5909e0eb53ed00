from hypothesis import given
from hypothesis import strategies as st

from striate.display.braille import labelled, plot

VALUES = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=200)


def test_a_falling_line_goes_from_the_upper_left_dot_to_the_lower_right() -> None:
    assert plot([1.0, 0.0], width=2, height=1) == ["⠑⢄"]


def test_a_level_line_lies_in_the_middle() -> None:
    assert plot([5, 5, 5], width=3, height=1) == ["⠤⠤⠤"]


def test_values_that_are_not_known_leave_a_gap() -> None:
    assert plot([0, None, 0], width=3, height=1) == ["⠄⠀⠠"]
    assert plot([None, float("nan")], width=2, height=2) == ["  ", "  "]


def test_the_largest_and_the_smallest_value_stand_beside_the_curve() -> None:
    assert labelled("손실", [2, 1], ("2.0", "1.0"))[0] == "    손실"
    assert [line[:3] for line in labelled("loss", [2, 1], ("2.0", "1.0"))] == [
        "   ",
        "2.0",
        "   ",
        "   ",
        "1.0",
    ]


@given(VALUES)
def test_a_plot_has_its_size_whatever_the_values(values: list[float | None]) -> None:
    assert [len(line) for line in plot(values, width=7, height=3)] == [7, 7, 7]
