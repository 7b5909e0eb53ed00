"""The layers a spec is made of; `str` of each is its canonical notation."""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal

Pair = tuple[int, int]
Width = int | Literal["classes"]
Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The base of all layers: `span` is its place in the text, which comparisons ignore."""

    span: Span = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True)
class Conv(Layer):
    """A convolution: plain, depthwise (`dwconv`, whose width None is that of its input) or transposed.

    `padding` None is "same": the map's size divided by the stride, or times the stride when transposed.
    """

    name: Literal["conv", "dwconv", "tconv"]
    kernel: Pair
    width: Width | None
    stride: Pair = (1, 1)
    padding: Pair | None = None
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = True

    def __str__(self) -> str:
        width = "" if self.width is None else f"-{self.width}"
        settings = [
            ("s", self.stride, (1, 1)),
            ("p", self.padding, None),
            ("d", self.dilation, (1, 1)),
            ("g", (self.groups, self.groups), (1, 1)),
        ]
        written = [letter + _pair(value) for letter, value, default in settings if value and value != default]
        return self.name + _pair(self.kernel) + width + _settings([*written, *_no_bias(self.bias)])


@dataclass(frozen=True)
class Pool(Layer):
    """Max or average pooling; `stride` None is the kernel's own size."""

    name: Literal["maxpool", "avgpool"]
    kernel: Pair = (2, 2)
    stride: Pair | None = None
    padding: Pair = (0, 0)
    ceil: bool = False

    def __str__(self) -> str:
        settings = [
            *([f"s{_pair(self.stride)}"] if self.stride else []),
            *([f"p{_pair(self.padding)}"] if self.padding != (0, 0) else []),
            *(["c1"] if self.ceil else []),
        ]
        return self.name + _pair(self.kernel) + _settings(settings)


@dataclass(frozen=True)
class Linear(Layer):
    """A fully connected layer. A map that reaches it is flattened first."""

    width: Width
    bias: bool = True

    def __str__(self) -> str:
        return f"fc-{self.width}" + _settings(_no_bias(self.bias))


@dataclass(frozen=True)
class Norm(Layer):
    """Batch normalisation, group normalisation in `size` groups, or response normalisation over `size` channels."""

    name: Literal["bn", "gn", "lrn"]
    size: int | None = None

    def __str__(self) -> str:
        return self.name + ("" if self.size is None else str(self.size))


@dataclass(frozen=True)
class Activation(Layer):
    """An elementwise function; `slope` is that of `leakyrelu` below zero."""

    name: str
    slope: float | None = None

    def __str__(self) -> str:
        return self.name + ("" if self.slope is None else _decimal(self.slope))


@dataclass(frozen=True)
class Dropout(Layer):
    """Dropout of single elements with probability `rate`, in training only."""

    rate: float = 0.5

    def __str__(self) -> str:
        return f"dropout{_decimal(self.rate)}"


@dataclass(frozen=True)
class Reshape(Layer):
    """From a feature map to a vector: `gap` takes each channel's mean, `flatten` keeps every element."""

    name: Literal["gap", "flatten"]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Repeat(Layer):
    """Layers written once and built `count` times in a row, each time with weights of its own."""

    body: tuple[Layer, ...]
    count: int

    def __str__(self) -> str:
        alone = len(self.body) == 1 and not isinstance(self.body[0], Repeat)
        return f"{self.body[0]}*{self.count}" if alone else f"({notation(self.body)})*{self.count}"


@dataclass(frozen=True)
class Block(Layer):
    """Layers whose input is added to their output or, with `dense`, concatenated to it."""

    body: tuple[Layer, ...]
    dense: bool = False

    def __str__(self) -> str:
        return f"[{notation(self.body)}]{'&' if self.dense else '+'}"


def notation(layers: tuple[Layer, ...]) -> str:
    """Return the canonical text of some layers: `parse` reads it back to equal ones."""
    return " ".join(map(str, layers))


def size(layers: tuple[Layer, ...]) -> int:
    """Return how many layers these are once every repetition is written out."""
    return sum(_size(layer) for layer in layers)


def _size(layer: Layer) -> int:
    if isinstance(layer, Repeat):
        return layer.count * size(layer.body)
    return size(layer.body) if isinstance(layer, Block) else 1


def ending(layers: tuple[Layer, ...]) -> Layer:
    """Return the layer that these layers end in, looked for within repetitions but not within blocks."""
    last = layers[-1]
    return ending(last.body) if isinstance(last, Repeat) else last


def strides(layers: tuple[Layer, ...]) -> tuple[Fraction, Fraction]:
    """Return how many input rows and columns lie between two neighbouring outputs of these layers."""
    rows = columns = Fraction(1)
    for layer in layers:
        down, across = _strides(layer)
        rows, columns = rows * down, columns * across
    return rows, columns


def _strides(layer: Layer) -> tuple[Fraction, Fraction]:
    match layer:
        case Repeat():
            down, across = strides(layer.body)
            return down**layer.count, across**layer.count
        case Block():
            return strides(layer.body)
        case Conv(name="tconv"):
            return Fraction(1, layer.stride[0]), Fraction(1, layer.stride[1])
        case Conv():
            return Fraction(layer.stride[0]), Fraction(layer.stride[1])
        case Pool():
            stride = layer.stride or layer.kernel
            return Fraction(stride[0]), Fraction(stride[1])
    return Fraction(1), Fraction(1)


def _pair(pair: Pair | None) -> str:
    if pair is None:
        return ""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _settings(settings: list[str]) -> str:
    return "/" + "".join(settings) if settings else ""


def _no_bias(bias: bool) -> list[str]:
    return [] if bias else ["b0"]


def _decimal(number: float) -> str:
    # repr() is exact but may use an exponent, which the language does not have.
    return format(Decimal(repr(number)), "f")
