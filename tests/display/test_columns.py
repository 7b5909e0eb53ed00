from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from striate.display.columns import aligned, shortened, shown


def test_wide_letters_take_two_cells_and_stay_in_line() -> None:
    rows = [("run", "score"), ("고양이", "9.0%"), ("cat", "10.0%")]
    assert aligned(rows, left=[0]) == ["run     score", "고양이   9.0%", "cat     10.0%"]


def test_a_name_too_long_keeps_both_ends() -> None:
    assert shortened("2026-11-23-resnet9-꽃사진", 12) == "2026-1…사진"
    assert shortened("short", 12) == "short"


def test_columns_that_do_not_fit_are_cut_the_widest_first() -> None:
    rows = [("a" * 40, "b" * 20, "1.5"), ("c", "d", "10.5")]
    lines = aligned(rows, left=[0, 1], width=40)
    assert [cell_len(line) for line in lines] == [40, 40]
    assert lines[0] == "aaaaaaaa…aaaaaaa  bbbbbbbb…bbbbbbb   1.5"


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=0xD7A3, exclude_categories=["C"])),
    st.integers(2, 30),
)
def test_what_is_shortened_is_never_wider_than_asked(text: str, size: int) -> None:
    assert cell_len(shortened(text, size)) <= size


def test_settings_are_shown_as_people_write_them() -> None:
    values = (None, True, 0.1 + 0.2, (0.5, 1.0), "cosine", 7)
    assert [*map(shown, values)] == ["-", "yes", "0.3", "0.5, 1", "cosine", "7"]
