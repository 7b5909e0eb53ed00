import json
import subprocess
import sys
from typing import Any

import pytest

from striate.cli.main import main

BOARD = "[[1,1,2,4],[5,6,7,8],[3,2,1,0],[1,2,3,4]]"


@pytest.fixture
def window(capsys: pytest.CaptureFixture[str]) -> Any:
    """Ask `striate window` and return what it printed."""

    def ask(text: str) -> str:
        assert main(["window", *text.split()]) == 0
        return capsys.readouterr().out

    return ask


# What to ask, and the keys of the answer that the lecture gives.
LECTURE = [
    ("3x32x32 --kernel 5 --filters 1", {"products": 75, "biases": 1, "output": [1, 28, 28]}),
    ("3x32x32 --kernel 5 --filters 6", {"output": [6, 28, 28], "weights": 450}),
    ("6x28x28 --kernel 5 --filters 10", {"output": [10, 24, 24]}),
    ("7 --kernel 3", {"output": 5, "fits": True, "exact": 5}),
    ("7 --kernel 3 --stride 2", {"output": 3, "fits": True, "exact": 3}),
    ("7 --kernel 3 --stride 3", {"output": 2, "fits": False, "exact": 7 / 3}),
    ("7 --kernel 3 --padding 1", {"output": 7}),
    ("9 --kernel 3", {"output": 7}),
    ("11 --kernel 3", {"output": 9}),
    ("7 --kernel 3 --padding 2", {"output": 9}),
    ("3x32x32 --kernel 5 --padding 2 --filters 10", {"output": [10, 32, 32], "parameters": 760}),
    ("3x32x32 --kernel 5 --filters 6 --no-bias", {"parameters": 450}),
    ("3x9x9 --kernel 3 --filters 7 --no-bias", {"parameters": 189}),
    ("64x56x56 --kernel 1 --filters 32", {"output": [32, 56, 56], "products": 64}),
    ("512x100x100 --kernel 1 --filters 16", {"output": [16, 100, 100], "parameters": 512 * 16 + 16}),
    ("4x4 --kernel 3 --padding 1", {"output": [4, 4]}),
    (f"{BOARD} --kernel 2 --stride 2 --pool max", {"values": [[6, 8], [3, 4]]}),
    (
        "1x28x28 --kernel 3 --padding same --filters 64",
        {"output": [64, 28, 28], "parameters": 640, "weights": 576},
    ),
    ("64x28x28 --kernel 2 --pool max", {"output": [64, 14, 14], "parameters": 0}),
    ("64x14x14 --kernel 14 --filters 10", {"output": [10, 1, 1], "parameters": 125_450, "weights": 125_440}),
    ("7 --kernel 3 --repeat 2", {"receptive_field": 5, "weights": 18, "weights_of_one": 25}),
]


@pytest.mark.parametrize(("asked", "answer"), LECTURE)
def test_the_sums_of_the_lecture_can_be_asked(window: Any, asked: str, answer: dict[str, object]) -> None:
    found = json.loads(window(f"{asked} --json"))
    assert {key: found[key] for key in answer} == answer


def test_the_plain_json_has_these_keys_and_no_more(window: Any) -> None:
    assert json.loads(window("7 --kernel 3 --stride 3 --json")) == {
        "input": 7,
        "kernel": 3,
        "stride": 3,
        "padding": 0,
        "dilation": 1,
        "exact": 7 / 3,
        "output": 2,
        "fits": False,
        "dropped": 1,
        "fixes": [
            {"setting": "padding", "value": 1, "output": 3},
            {"setting": "stride", "value": 2, "output": 3},
            {"setting": "kernel", "value": 4, "output": 2},
            {"setting": "size", "value": 6, "output": 2},
            {"setting": "size", "value": 9, "output": 3},
        ],
    }


def test_an_oblong_window_has_one_value_per_axis(window: Any) -> None:
    assert json.loads(window("9x12 --kernel 3x4 --stride 1x2 --padding 1x0,1 --json")) == {
        "input": [9, 12],
        "kernel": [3, 4],
        "stride": [1, 2],
        "padding": [1, [0, 1]],
        "dilation": [1, 1],
        "exact": [9, 5.5],
        "output": [9, 5],
        "fits": False,
        "dropped": [0, 0],
        "fixes": [
            [],
            [
                {"setting": "padding", "value": [0, 2], "output": 6},
                {"setting": "padding", "value": 0, "output": 5},
                {"setting": "stride", "value": 1, "output": 10},
                {"setting": "stride", "value": 3, "output": 4},
                {"setting": "kernel", "value": 3, "output": 6},
                {"setting": "kernel", "value": 5, "output": 5},
                {"setting": "size", "value": 13, "output": 6},
                {"setting": "size", "value": 11, "output": 5},
            ],
        ],
    }


def test_a_transposed_window_enlarges(window: Any) -> None:
    found = json.loads(window("64x7x7 --kernel 2 --stride 2 --transposed --filters 32 --json"))
    assert found["output"] == [32, 14, 14]
    assert found["parameters"] == 64 * 32 * 4 + 32
    assert found["macs"] == 64 * 49 * 32 * 4
    assert "products" not in found


def test_ceil_rounds_a_pooling_up(window: Any) -> None:
    assert json.loads(window("6 --kernel 3 --stride 2 --pool max --json"))["output"] == 2
    assert json.loads(window("6 --kernel 3 --stride 2 --pool max --ceil --json"))["output"] == 3


def test_a_filter_of_numbers_is_slid_over_a_picture_of_numbers(window: Any) -> None:
    found = json.loads(window(f"{BOARD} --weights [[1,0],[0,-1.5]] --json"))
    assert found["kernel"] == [2, 2]
    assert found["values"] == [[-8, -9.5, -10], [2, 4.5, 7], [0, -2.5, -5]]


def test_an_option_may_be_written_as_an_assignment(window: Any) -> None:
    assert window("7 kernel=3 stride=3 --json") == window("7 --kernel 3 --stride 3 --json")


def test_the_board_shows_where_the_filter_lands(window: Any) -> None:
    assert window("7 --kernel 3 --stride 3") == (
        "output = (N + 2P - F)/S + 1 = (7 + 2*0 - 3)/3 + 1 = 7/3 = 2.33\n"
        "It does not fit: rounded down to 2 places.\n"
        "No window reads the last pixel.\n"
        "\n"
        "  pixel 0 1 2 3 4 5 6\n"
        "      0 # # # . . . .\n"
        "      1 . . . # # # .\n"
        "  reads 1 1 1 1 1 1 0\n"
        "\n"
        "  # read\n"
        "\n"
        "To make it fit, cheapest change first:\n"
        "  padding 1       output 3\n"
        "  stride 2        output 3\n"
        "  kernel 4        output 2\n"
        "  input 6         output 2\n"
        "  input 9         output 3\n"
    )


def test_the_board_shows_padding_and_parameters(window: Any) -> None:
    assert window("3x4x4 --kernel 3 --padding 1 --filters 10") == (
        "3x4x4 -> 10x4x4\n"
        "10 filters of 3x3x3: 270 weights + 10 biases = 280 parameters\n"
        "each output value: 27 products + bias\n"
        "4,320 multiply-adds\n"
        "\n"
        "output = (N + 2P - F)/S + 1 = (4 + 2*1 - 3)/1 + 1 = 4\n"
        "It fits: 4 places.\n"
        "Every pixel is read.\n"
        "\n"
        "  pixel p 0 1 2 3 p\n"
        "      0 0 # # . . .\n"
        "      1 . # # # . .\n"
        "      2 . . # # # .\n"
        "      3 . . . # # 0\n"
        "  reads   2 3 3 2\n"
        "\n"
        "  # read; 0 outside the picture, p padding\n"
    )


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (
            "224 --kernel 7 --stride 2 --padding 3",
            "It does not fit: rounded down to 112 places, with only padding left over.",
        ),
        (
            "8 --kernel 1 --stride 2",
            "No window reads the last pixel and 3 pixels in between.",
        ),
        (
            "6 --kernel 3 --stride 2 --pool max --ceil",
            "It does not fit: rounded up to 3 places, the last over the edge.",
        ),
        ("8 --kernel 3 --dilation 2", "F = 5: a kernel of 3 with dilation 2"),
        ("9 --kernel 2 --padding same", "output = (N + P + P' - F)/S + 1 = (9 + 0 + 1 - 2)/1 + 1 = 9"),
        (
            "64x14x14 --kernel 14 --filters 10",
            "A filter as large as its input is a fully connected layer, 12,544 -> 10.",
        ),
        (
            "512x100x100 --kernel 1 --filters 16",
            "A 1x1 filter is a fully connected layer, 512 -> 16, at each of 10,000 places.",
        ),
        ("64x28x28 --kernel 2 --pool max", "64x28x28 -> 64x14x14, no parameters"),
        ("7 --kernel 3 --repeat 2", "2 over each other: 7x7 -> 5x5 -> 3x3"),
        ("99 --kernel 3 --repeat 9", "9 over each other: 99x99 -> 97x97 -> 95x95 -> ... -> 83x83 -> 81x81"),
        ("7 --kernel 3 --repeat 2", "receptive field 5x5, a jump of 1 from one output to the next"),
        ("7 --kernel 3 --repeat 2", "weights: 18; of one 5x5 filter that sees as much: 25"),
        ("7 --kernel 3 --stride 2 --transposed", "output = (7 - 1)*2 + 3 - 2*0 = 15"),
        (
            "7 --kernel 3 --stride 2 --transposed",
            "Outputs are written unequally often (a checkerboard); a kernel of 4 is even.",
        ),
        ("7 --kernel 3 --stride 2 --transposed --padding 1", "  # written; 0 cut away by the padding p"),
        (f"{BOARD} --kernel 2 --pool average", "  13/4  21/4"),
    ],
)
def test_the_board_says_it_in_words(window: Any, asked: str, line: str) -> None:
    lines = window(asked).splitlines()
    assert line in lines
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    "asked", ["224 --kernel 7 --stride 2 --padding 3", "5000 --kernel 900 --stride 3", "40 --kernel 25"]
)
def test_the_drawing_stays_within_80_columns(window: Any, asked: str) -> None:
    assert max(map(len, window(asked).splitlines())) <= 80


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("--kernel 3", "Missing argument 'INPUT'."),
        ("7", "--kernel is missing: the size of the filter, such as --kernel 3."),
        (
            "seven --kernel 3",
            "INPUT is a number or numbers joined by x, like 7, 6x8 or 3x32x32; got 'seven'.",
        ),
        ("7 --kernel 3x3x3", "--kernel is a number or numbers joined by x, like 3 or 3x5; got '3x3x3'."),
        (
            "7 --kernel 3 --padding 1,2,3",
            "--padding is a number, 1x2 by axis, 0,1 for before and after, or 'same'; got '1,2,3'.",
        ),
        ("7 --kernel 0", "kernel must be a whole number of at least 1; got 0."),
        ("0 --kernel 1", "A shape has whole numbers of at least 1; got (1, 0, 0)."),
        ("0x7x7 --kernel 1", "A shape has whole numbers of at least 1; got (0, 7, 7)."),
        ("7 --kernel 3 --ceil", "--ceil without --pool has no meaning."),
        ("7 --kernel 3 --pool max --filters 4", "--filters with --pool has no meaning."),
        ("7 --kernel 3 --output-padding 1", "--output-padding without --transposed has no meaning."),
        ("7 --weights [[1]]", "--weights without an INPUT of numbers has no meaning."),
        ("[[1]] --kernel 1 --repeat 2", "--repeat with an INPUT of numbers has no meaning."),
        ("7 --kernel 3 --pool min", "Unknown --pool 'min'. Known: average, max."),
        ("7 --kernel 3 --filters 0", "Invalid value for '--filters': 0 is not in the range x>=1."),
        ("3x7x7 --channels 4 --kernel 3", "--channels says 4, INPUT 3x7x7 says 3."),
        (
            "3x7x7 --kernel 3 --groups 2",
            "groups must divide the channels in and out; got 2 groups for 3 in and 1 out.",
        ),
        ("[[1,2],[3]] --kernel 1", "INPUT needs rows of one length, like [[1,2],[3,4]]; got '[[1,2],[3]]'."),
        ("[1,2] --kernel 1", "INPUT is no matrix of numbers, like [[1,2],[3,4]]; got '[1,2]'."),
        ("[[1,NaN]] --kernel 1", "INPUT is no matrix of numbers, like [[1,2],[3,4]]; got '[[1,NaN]]'."),
        ("[[1,2] --kernel 1", "INPUT is no matrix of numbers, like [[1,2],[3,4]]; got '[[1,2]'."),
        (
            "7 --kernel 3 --stride 2 --padding same",
            "padding 'same' needs stride 1; got stride 2. The padding that keeps the size at stride 1 is 1.",
        ),
        (
            "3 --kernel 5",
            "A window of 5 is wider than the axis it slides along: size 3 with padding 0 + 0 is 3. "
            "Use padding 1, a kernel of at most 3, or a size of at least 5.",
        ),
        (
            "7 --kernel 3 --repeat 4",
            "Layer 4 of 4: A window of 3 is wider than the axis it slides along: size 1 with padding 0 + 0 "
            "is 1. Use padding 1, a kernel of at most 1, or a size of at least 3.",
        ),
    ],
)
def test_a_wrong_flag_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], asked: str, text: str
) -> None:
    assert main(["window", *asked.split()]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"striate: {text}\n")


def test_the_verb_needs_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from striate.cli.main import main; main(['window', '7', '--kernel', '3']); "
        "sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
