import pytest

from striate import spec
from striate.errors import UsageError
from striate.spec.tree import Activation, Block, Conv, Dropout, Linear, Norm, Pool, Repeat, Reshape
from striate.spec.words import ACTIVATIONS, ELSEWHERE, FORMS


def test_the_pattern_of_the_lecture_is_read() -> None:
    text = "(conv3-64 relu)*2 maxpool2 (conv3-128 relu)*2 maxpool2 fc-256 relu dropout0.5 fc-10"
    relu = Activation("relu")
    assert spec.parse(text) == (
        Repeat((Conv("conv", (3, 3), 64), relu), 2),
        Pool("maxpool", (2, 2)),
        Repeat((Conv("conv", (3, 3), 128), relu), 2),
        Pool("maxpool", (2, 2)),
        Linear(256),
        relu,
        Dropout(0.5),
        Linear(10),
    )
    assert spec.format(spec.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("conv5-6/p0", Conv("conv", (5, 5), 6, padding=(0, 0))),
        ("conv11-96/s4p2", Conv("conv", (11, 11), 96, stride=(4, 4), padding=(2, 2))),
        ("conv1x7-64/p0x3", Conv("conv", (1, 7), 64, padding=(0, 3))),
        ("conv5-256/g2", Conv("conv", (5, 5), 256, groups=2)),
        ("conv3-64/d2b0", Conv("conv", (3, 3), 64, dilation=(2, 2), bias=False)),
        ("conv1-classes", Conv("conv", (1, 1), "classes")),
        ("dwconv3/s2", Conv("dwconv", (3, 3), None, stride=(2, 2))),
        ("dwconv7-192", Conv("dwconv", (7, 7), 192)),
        ("tconv4-64/s2", Conv("tconv", (4, 4), 64, stride=(2, 2))),
        ("maxpool3/s2", Pool("maxpool", (3, 3), stride=(2, 2))),
        ("maxpool3/s2c1", Pool("maxpool", (3, 3), stride=(2, 2), ceil=True)),
        ("avgpool2", Pool("avgpool", (2, 2))),
        ("gap", Reshape("gap")),
        ("flatten", Reshape("flatten")),
        ("bn", Norm("bn")),
        ("gn8", Norm("gn", 8)),
        ("lrn", Norm("lrn")),
        ("relu6", Activation("relu6")),
        ("leakyrelu0.1", Activation("leakyrelu", 0.1)),
        ("fc-classes", Linear("classes")),
        ("fc-10/b0", Linear(10, bias=False)),
        ("[conv3-64 bn]+", Block((Conv("conv", (3, 3), 64), Norm("bn")))),
        ("[bn conv3-12]&", Block((Norm("bn"), Conv("conv", (3, 3), 12)), dense=True)),
        ("relu*3", Repeat((Activation("relu"),), 3)),
    ],
)
def test_each_layer_is_read_and_printed_back(text: str, layer: object) -> None:
    assert spec.parse(text) == (layer,)
    assert spec.format(spec.parse(text)) == text


@pytest.mark.parametrize(
    ("loose", "canonical"),
    [
        ("CONV3-64 - ReLU - MaxPool", "conv3-64 relu maxpool2"),
        ("conv3-64-relu-maxpool2-fc-10", "conv3-64 relu maxpool2 fc-10"),
        ("conv3-64, relu -> maxpool2 → fc-10", "conv3-64 relu maxpool2 fc-10"),
        ("conv3-64 # the stem\n\n\trelu # 활성화 함수", "conv3-64 relu"),
        ("conv3x3-64 maxpool2×2 (relu) × 2", "conv3-64 maxpool2 relu*2"),
        ("conv7-64/2 maxpool3/2", "conv7-64/s2 maxpool3/s2"),
        ("conv3-64/p1/s2", "conv3-64/s2p1"),
        ("conv3-64/s1d1g1b1", "conv3-64"),
        ("((relu)) (tanh)*1", "relu tanh"),
        ("[ relu ] + * 2", "[relu]+*2"),
        ("dropout dropout.25 FC-CLASSES", "dropout0.5 dropout0.25 fc-classes"),
        ("relu(tanh)[gelu]&", "relu tanh [gelu]&"),
    ],
)
def test_loose_writing_has_one_canonical_form(loose: str, canonical: str) -> None:
    assert spec.format(spec.parse(loose)) == canonical


def test_every_word_of_the_table_can_be_written_as_its_example() -> None:
    for name, form in FORMS.items():
        assert form.example.startswith(name)
        assert spec.format(spec.parse(form.example)) == form.example
    assert ACTIVATIONS.keys() < FORMS.keys()
    assert not ELSEWHERE.keys() & FORMS.keys()
    assert set(ELSEWHERE.values()) < FORMS.keys()


def test_layers_know_where_they_stood_but_compare_without_it() -> None:
    text = "conv3-64  (relu)*2"
    conv, repeat = spec.parse(text)
    assert text[slice(*conv.span)] == "conv3-64"
    assert text[slice(*repeat.span)] == "(relu)*2"
    assert spec.parse("  " + text) == (conv, repeat)


KNOWN = ", ".join(sorted(FORMS))
CONV_HAS = "It has: s (stride), p (padding), d (dilation), g (groups), b (bias, 0 or 1)."


@pytest.mark.parametrize(
    ("text", "message", "carets"),
    [
        ("conv3-64 rleu maxpool2", "Unknown layer 'rleu'. Did you mean 'relu'?", "         ^^^^"),
        ("conv3-64 linear-10", "Unknown layer 'linear'. Did you mean 'fc'?", "         ^^^^^^"),
        ("xyzzy", f"Unknown layer 'xyzzy'. Known: {KNOWN}.", "^^^^^"),
        (
            "fc-10 softmax",
            "Leave out softmax: the loss and the predictions apply it, and the network gives the scores.",
            "      ^^^^^^^",
        ),
        (
            "fc-10 Soft-Max",
            "Leave out softmax: the loss and the predictions apply it, and the network gives the scores.",
            "      ^^^^^^^^",
        ),
        ("relu conv-64", "Expected a kernel size after 'conv', such as conv3-64.", "     ^^^^"),
        (
            "conv3 relu",
            "Expected the number of filters after 'conv3', such as conv3-64.",
            "^^^^^",
        ),
        ("conv5x3", "Expected the number of filters after 'conv5x3', such as conv5x3-64.", "^^^^^^^"),
        ("fc-relu", "Expected the number of outputs after 'fc', such as fc-10.", "^^"),
        ("fc256", "'fc' has no size: write fc-10.", "  ^^^"),
        ("gn", "Expected a number of groups after 'gn', such as gn8.", "^^"),
        ("gn8x8", "'gn' takes one number, such as gn8.", "  ^^^"),
        ("relu3", "'relu' has no size: write relu.", "    ^"),
        (
            "maxpool2-64",
            "'maxpool' has no number of filters: it keeps the channels it is given.",
            "        ^^^",
        ),
        ("conv3-0", "The number of filters is 1 to 1,000,000, not 0.", "      ^"),
        ("conv0-8", "The kernel size is 1 to 1,000,000, not 0.", "    ^"),
        ("conv3-64/s0", "The stride is 1 to 1,000,000, not 0.", "          ^"),
        (
            "fc-99999999999999999999",
            "The number of outputs is 1 to 1,000,000, not 999999999999.",
            "   " + 20 * "^",
        ),
        ("conv3-64/q2", f"'conv' has no setting 'q'. {CONV_HAS}", "         ^^"),
        ("conv3-64/", f"Expected a setting of 'conv' after '/'. {CONV_HAS}", "         ^"),
        ("relu/2", "'relu' has no setting '2'. It takes no settings.", "     ^"),
        ("conv3-64/s2p1s2", "'s' is set twice.", "             ^^"),
        ("conv3-64/b2", "'b' is 0 (off) or 1 (on).", "         ^^"),
        ("conv3-64/g2x2", "'g' takes one number.", "         ^^^^"),
        ("dropout1", "A dropout rate is below 1: dropout0.5 drops half.", "       ^"),
        ("conv3-64relu", "Expected a space after 'conv3-64', found 'relu'.", "        ^^^^"),
        ("conv3-64-128", "Expected a space after 'conv3-64', found '-128'.", "        ^^^^"),
        (
            "conv3-64 128",
            "Expected a layer, '(' or '[', found '128'. "
            "A number belongs to its layer, without a space: conv3-64, fc-10.",
            "         ^^^",
        ),
        ("conv3-64 ? relu", "Expected a layer, '(' or '[', found '?'.", "         ^"),
        (
            "(relu)+",
            "Expected a layer, '(' or '[', found '+'. It closes a block: [ … ]+",
            "      ^",
        ),
        (
            "relu, *2",
            "Expected a layer, '(' or '[', found '*'. It repeats what stands before it: (conv3-64 relu)*2",
            "      ^",
        ),
        ("relu (tanh (gelu)", "This '(' is never closed: expected ')'.", "     ^"),
        ("relu ) tanh", "This ')' closes nothing.", "     ^"),
        ("[relu ) tanh", "Expected ']' to close the '[', found ')'.", "      ^"),
        ("relu ()*2", "There is nothing between these brackets.", "     ^^"),
        (
            "[relu]*3",
            "Expected '+' (residual) or '&' (dense) after ']'; a plain group is written ( … ).",
            "^^^^^^",
        ),
        ("relu*", "Expected how often to repeat, such as (conv3-64 relu)*2.", "    ^"),
        ("relu*0", "The number of repetitions is 1 to 1,000,000, not 0.", "     ^"),
        ("(" * 33 + "relu" + ")" * 33, "Brackets nest at most 32 deep.", " " * 32 + "^"),
    ],
)
def test_an_error_points_at_the_place_and_says_what_was_expected(
    text: str, message: str, carets: str
) -> None:
    with pytest.raises(UsageError) as caught:
        spec.parse(text)
    assert str(caught.value) == f"{message}\n  {text}\n  {carets}"


def test_an_error_in_a_text_of_many_lines_shows_its_line_alone() -> None:
    with pytest.raises(UsageError) as caught:
        spec.parse("conv3-64 relu  # 첫 층\n    maxpool2 rleu\nfc-10")
    assert str(caught.value) == (
        "Unknown layer 'rleu'. Did you mean 'relu'?\n  line 2: maxpool2 rleu\n                   ^^^^"
    )


def test_carets_stand_under_characters_that_fill_two_columns() -> None:
    with pytest.raises(UsageError) as caught:
        spec.parse("relu 합성곱 relu")
    assert (
        str(caught.value)
        == "Expected a layer, '(' or '[', found '합성곱'.\n  relu 합성곱 relu\n       ^^^^^^"
    )


def test_a_long_line_is_cut_around_the_error() -> None:
    with pytest.raises(UsageError) as caught:
        spec.parse("maxpool2 " * 20 + "rleu" + " maxpool2" * 20)
    message, line, carets = str(caught.value).splitlines()
    assert message == "Unknown layer 'rleu'. Did you mean 'relu'?"
    assert line == (
        "  …2 maxpool2 maxpool2 maxpool2 rleu maxpool2 maxpool2 maxpool2 maxpool2 maxpool2 maxpool2 …"
    )
    assert line[carets.index("^") : carets.rindex("^") + 1] == "rleu"


@pytest.mark.parametrize("text", ["", "  \n ", "# nothing here", " , "])
def test_an_empty_spec_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        spec.parse(text)
    assert str(caught.value) == "The spec is empty. Write layers such as: conv3-64 relu maxpool2 fc-10"


def test_a_spec_cannot_grow_without_end() -> None:
    with pytest.raises(UsageError) as caught:
        spec.parse("(([relu tanh]+*1000)*1000)*1000")
    assert str(caught.value) == "The spec has 2,000,000,000 layers; 10,000 is the most."


@pytest.mark.parametrize(
    "text",
    [
        *(
            "conv3-64 relu",
            "fc-10",
            "FC-classes",
            "conv3-64-relu-fc-10",
            "(relu)",
            "[relu]+",
            "gap",
            "relu*2",
        ),
        *("conv3-64/s2", "dropout.5", "maxpool", "resnt 18 relu", "conv3-64,relu", "rleu, conv3-64", "conv4"),
    ],
)
def test_a_spec_is_told_from_a_name(text: str) -> None:
    assert spec.is_spec(text)


@pytest.mark.parametrize(
    "text",
    [
        *("resnet50", "lenet5-tutorial", "vgg16_bn", "mobilenet_v2", "squeezenet1_1", "dpn68", "mlp", ""),
        *(
            "runs/2025-01-01-lenet5",
            "net.py:Net",
            "convnext_tiny",
            "gap_net",
            "fc.py:Net",
            "resnet1O",
            "elu2d_x",
        ),
    ],
)
def test_a_name_is_told_from_a_spec(text: str) -> None:
    assert not spec.is_spec(text)
