import pytest

from striate import spec
from striate.errors import UsageError
from striate.spec.plan import plan


def test_the_shapes_of_lenet_are_those_of_the_paper() -> None:
    modules = plan("conv5-6/p0 avgpool2 conv5-16/p0 avgpool2 conv5-120/p0 fc-84 fc-10", input=(1, 32, 32))
    assert [m.shape for m in modules] == [
        *((6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1)),
        *((120,), (84,), (10,)),
    ]


@pytest.mark.parametrize(
    ("text", "message", "carets"),
    [
        (
            "conv3-64 (maxpool2 relu)*6 fc-10",
            "'maxpool2' (layer 12) cannot take the 64x1x1 map that reaches it. A window of 2 is wider than "
            "the axis it slides along: size 1 with padding 0 + 0 is 1. Use padding 1, a kernel of at most 1, "
            "or a size of at least 2. Or give an input of 64x64.",
            "          ^^^^^^^^",
        ),
        (
            "maxpool2*2 conv11-64/p0 fc-10",
            "'conv11-64/p0' (layer 3) cannot take the 3x8x8 map that reaches it. A window of 11 is wider "
            "than the axis it slides along: size 8 with padding 0 + 0 is 8. Use padding 2, a kernel of at "
            "most 8, or a size of at least 11. Or give an input of 44x44.",
            "           ^^^^^^^^^^^^",
        ),
        (
            "fc-10 relu conv3-4",
            "'conv3-4' needs a map, but a vector of 10 reaches it: "
            "it belongs before 'gap', 'flatten' and 'fc'.",
            "           ^^^^^^^",
        ),
        (
            "gap lrn",
            "'lrn' needs a map, but a vector of 3 reaches it: it belongs before 'gap', 'flatten' and 'fc'.",
            "    ^^^",
        ),
        (
            "conv3-4 fc-classes",
            "'fc-classes' takes its width from the data: say num_classes, or write a number.",
            "        ^^^^^^^^^^",
        ),
        (
            "relu conv4-8",
            "'conv4-8' has an even kernel, and no padding of both ends keeps the size of the map. "
            "Take an odd kernel, or say the padding, such as conv4-8/p2.",
            "     ^^^^^^^",
        ),
        (
            "relu conv3x2-8",
            "'conv3x2-8' has an even kernel, and no padding of both ends keeps the size of the map. "
            "Take an odd kernel, or say the padding, such as conv3x2-8/p1.",
            "     ^^^^^^^^^",
        ),
        (
            "tconv2-8",
            "'tconv2-8' has an even kernel, and no padding of both ends keeps the size of the map. "
            "Take an odd kernel, or say the padding, such as tconv2-8/p1.",
            "^^^^^^^^",
        ),
        (
            "relu [conv3-3/p0]+",
            "This block makes a 3x30x30 map of a 3x32x32 map, and the two cannot be added. "
            "Keep the size of the map within it.",
            "     ^^^^^^^^^^^^^",
        ),
        (
            "relu [conv3-3/s2]&",
            "This block makes a 3x16x16 map of a 3x32x32 map, and the two cannot be joined. "
            "Keep the size of the map within it.",
            "     ^^^^^^^^^^^^^",
        ),
        (
            "[gap]+",
            "This block makes a vector of 3 of a 3x32x32 map, and the two cannot be added. "
            "Keep the size of the map within it.",
            "^^^^^^",
        ),
        (
            "[conv3-4/s2p0]+",
            "This block makes a 4x15x15 map of a 3x32x32 map, but its shortcut a 4x16x16 map. "
            "Pad 'same' within it, and do not enlarge the map.",
            "^^^^^^^^^^^^^^^",
        ),
        (
            "[tconv4-3/s2]+",
            "This block makes a 3x64x64 map of a 3x32x32 map, but its shortcut a 3x32x32 map. "
            "Pad 'same' within it, and do not enlarge the map.",
            "^^^^^^^^^^^^^^",
        ),
        (
            "conv3-8/g2",
            "'conv3-8/g2' has 2 groups, which must divide both: 3 channels in and 8 out.",
            "^^^^^^^^^^",
        ),
        (
            "dwconv3-8",
            "'dwconv3-8' has 3 groups, one for each channel: 3 channels in and 8 out.",
            "^^^^^^^^^",
        ),
        ("gn2", "'gn2' cannot share 3 channels among 2 groups.", "^^^"),
        ("maxpool3/p2", "'maxpool3/p2' pads more than half of its kernel: 2 is over 1.", "^^^^^^^^^^^"),
    ],
)
def test_shapes_that_do_not_go_together_are_pointed_at(text: str, message: str, carets: str) -> None:
    for make in (spec.build, spec.to_python):
        with pytest.raises(UsageError) as caught:
            make(text)
        assert str(caught.value) == f"{message}\n  {text}\n  {carets}"


@pytest.mark.parametrize(
    ("text", "message", "carets"),
    [
        (
            "gap fc-10",
            "The network ends in a vector of 10, and there are 7 classes: write fc-classes.",
            "    ^^^^^",
        ),
        (
            "conv3-7 relu",
            "The network ends in a 7x32x32 map, and there are 7 classes: "
            "end it in fc-classes, or in: gap fc-classes",
            "        ^^^^",
        ),
    ],
)
def test_a_network_for_classes_ends_in_as_many_outputs(text: str, message: str, carets: str) -> None:
    with pytest.raises(UsageError) as caught:
        spec.build(text, num_classes=7)
    assert str(caught.value) == f"{message}\n  {text}\n  {carets}"


@pytest.mark.parametrize("input", [(32, 32), (3, 0, 32), (3, 32.5, 32)])
def test_an_input_is_three_whole_numbers(input: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        spec.build("fc-10", input=input)
    assert str(caught.value) == (
        f"An input is channels, height and width, such as (3, 32, 32); got {input!r}."
    )


def test_there_is_at_least_one_class() -> None:
    with pytest.raises(UsageError) as caught:
        spec.build("fc-classes", num_classes=0)
    assert str(caught.value) == "num_classes must be at least 1; got 0."


def test_no_input_is_suggested_where_none_would_do() -> None:
    with pytest.raises(UsageError) as caught:
        spec.build("conv1000-3/p0s1000*9")
    assert "Or give an input" not in str(caught.value)
