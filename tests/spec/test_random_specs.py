"""Random specs: what is printed is read back, and the plan, the network and its source are one."""

from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from striate import spec
from striate.errors import UsageError
from striate.spec.grammar import DEEPEST_NESTING
from striate.spec.plan import plan
from striate.spec.tree import (
    Activation,
    Block,
    Conv,
    Dropout,
    Layer,
    Linear,
    Norm,
    Pool,
    Repeat,
    Reshape,
)
from striate.spec.words import ACTIVATIONS

# A machine at work on other things is no reason to fail.
unhurried = settings(deadline=None)

numbers = st.integers(1, 1_000_000)
pairs = st.tuples(numbers, numbers) | numbers.map(lambda n: (n, n))
paddings = st.tuples(st.integers(0, 9), st.integers(0, 9))
widths = numbers | st.just("classes")
rates = st.floats(0, 1, exclude_max=True, allow_subnormal=False)
leaves = st.one_of(
    st.builds(
        Conv,
        st.sampled_from(["conv", "tconv"]),
        pairs,
        widths,
        stride=pairs,
        padding=st.none() | paddings,
        dilation=pairs,
        groups=numbers,
        bias=st.booleans(),
    ),
    st.builds(Conv, st.just("dwconv"), pairs, st.none() | widths, stride=pairs),
    st.builds(
        Pool,
        st.sampled_from(["maxpool", "avgpool"]),
        pairs,
        stride=st.none() | pairs,
        padding=paddings,
        ceil=st.booleans(),
    ),
    st.builds(Linear, widths, bias=st.booleans()),
    st.builds(Norm, st.sampled_from(["bn", "lrn"])),
    st.builds(Norm, st.sampled_from(["gn", "lrn"]), numbers),
    st.builds(Activation, st.sampled_from(sorted(ACTIVATIONS))),
    st.builds(Activation, st.just("leakyrelu"), rates),
    st.builds(Dropout, rates),
    st.builds(Reshape, st.sampled_from(["gap", "flatten"])),
)


def nested(layers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    bodies = st.lists(layers, min_size=1, max_size=4).map(tuple)
    return st.builds(Repeat, bodies, st.integers(2, 9)) | st.builds(Block, bodies, dense=st.booleans())


trees = st.lists(st.recursive(leaves, nested, max_leaves=6), min_size=1, max_size=6).map(tuple)


@unhurried
@given(trees)
def test_what_is_printed_is_read_back(layers: tuple[Layer, ...]) -> None:
    text = spec.format(layers)
    assert spec.parse(text) == layers
    assert spec.format(spec.parse(text)) == text


separators = st.sampled_from([" ", "  ", "\n", ", ", " - ", " -> ", "\t", " # note ( [ *\n"])


@unhurried
@given(trees, separators, st.booleans())
def test_separators_and_case_do_not_matter(layers: tuple[Layer, ...], between: str, upper: bool) -> None:
    text = spec.format(layers).replace(" ", between)
    assert spec.parse(text.upper() if upper else text) == layers


@unhurried
@given(st.text(alphabet="convrelufcmaxpdt0123456789-/*x.()[]+& #\n,한", max_size=40))
def test_any_text_is_read_or_refused_with_carets_under_it(text: str) -> None:
    try:
        layers = spec.parse(text)
    except UsageError as error:
        lines = str(error).splitlines()
        assert len(lines) == 1 or set(lines[-1]) <= {" ", "^"}, text
    else:
        assert spec.parse(spec.format(layers)) == layers


def test_the_deepest_nesting_is_read() -> None:
    text = "(relu tanh)*2"
    for _ in range(DEEPEST_NESTING - 1):
        text = f"({text})*1"
    assert spec.format(spec.parse(text)) == "(relu tanh)*2"


widths_of_four = st.sampled_from([4, 8, 12])
mapping = st.one_of(
    st.builds("conv{}-{}".format, st.sampled_from(["1", "3", "5", "1x3", "3x1"]), widths_of_four),
    st.builds("conv3-{}/g{}".format, widths_of_four, st.sampled_from([1, 2, 4])),
    st.builds("conv3-{}/d{}b{}".format, widths_of_four, st.integers(1, 2), st.integers(0, 1)),
    st.builds("conv{}-4/p{}".format, st.integers(1, 4), st.integers(0, 2)),
    st.builds("conv{}-8/s{}".format, st.integers(1, 5), st.sampled_from(["2", "1x2", "3"])),
    st.builds("tconv{}-4/s{}".format, st.integers(1, 4), st.sampled_from(["2", "2x1"])),
    st.builds("tconv{}-4/p{}d{}".format, st.integers(1, 3), st.integers(0, 1), st.integers(1, 2)),
    st.builds("dwconv3/s{}".format, st.integers(1, 2)),
    st.builds("maxpool{}/s{}p1c{}".format, st.integers(2, 3), st.integers(2, 3), st.integers(0, 1)),
    st.builds("avgpool{}/s{}c{}".format, st.integers(2, 3), st.integers(1, 3), st.integers(0, 1)),
    st.sampled_from(["maxpool2", "avgpool3/s1p1", "bn", "gn4", "lrn", "lrn3", "dropout0.3"]),
    st.sampled_from([*ACTIVATIONS, "leakyrelu0.2"]),
)
blocks = st.builds(
    "[{} {}]{}".format,
    st.sampled_from(["conv3-8 relu", "bn gelu conv1-4", "conv3-12/s2b0 bn relu"]),
    st.sampled_from(["conv3-8 bn", "conv3-4/b0", "conv5-12 gn4", "(conv3-8 relu)*2"]),
    st.sampled_from(["+", "&", "+*2", "&*3"]),
)
maps = st.lists(mapping | blocks | st.just("(conv3-8 bn relu)*2"), min_size=1, max_size=6)
heads = st.lists(
    st.sampled_from(["gap", "flatten", "fc-12", "bn", "relu", "[fc-12 relu]+", "[fc-5 bn]&", "dropout"]),
    max_size=4,
)
SHAPE = (4, 17, 14)


@unhurried
@given(maps, heads)
def test_what_is_planned_is_what_torch_makes(maps: list[str], heads: list[str]) -> None:
    text = " ".join([*maps, *heads])
    try:
        modules = plan(text, input=SHAPE)
    except UsageError:
        assume(False)
    with torch.device("meta"):
        net = spec.build(text, input=SHAPE)
        x = torch.zeros(2, *SHAPE)
    assert len(net) == len(modules)
    for module, planned in zip(net, modules, strict=True):
        x = module(x)
        assert tuple(x.shape[1:]) == planned.shape


@unhurried
@given(maps, heads)
def test_what_is_printed_as_python_is_what_is_built(maps: list[str], heads: list[str]) -> None:
    text = " ".join([*maps, *heads, "fc-classes"])
    try:
        source = spec.to_python(text, input=SHAPE, num_classes=3)
    except UsageError:
        assume(False)
    space: dict[str, Any] = {}
    exec(source, space)
    printed: nn.Sequential = space["net"]
    built = spec.build(text, input=SHAPE, num_classes=3)
    weights = built.state_dict()
    assert list(printed.state_dict()) == list(weights)
    printed.load_state_dict(weights)
    x = torch.randn(2, *SHAPE)
    assert torch.equal(printed.eval()(x), built.eval()(x))


@pytest.mark.parametrize("kernel", range(1, 4))
def test_what_torch_refuses_is_refused(kernel: int) -> None:
    for size in range(1, 5):
        for padding in range(3):
            text = f"conv{kernel}-2/p{padding}d2"
            try:
                torch.nn.functional.conv2d(
                    torch.zeros(1, 1, size, size),
                    torch.zeros(2, 1, kernel, kernel),
                    padding=padding,
                    dilation=2,
                )
            except RuntimeError:
                with pytest.raises(UsageError):
                    plan(text, input=(1, size, size))
            else:
                plan(text, input=(1, size, size))
