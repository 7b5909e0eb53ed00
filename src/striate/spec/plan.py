"""The plan of a network: the modules of a spec and their shapes for an input, by arithmetic alone.

The builder and the source printer both use it, so what is built and what is printed are the same network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import prod
from typing import NoReturn

from striate.arithmetic.plane import output_shape, transposed_shape, windows
from striate.errors import UsageError
from striate.spec.grammar import parse
from striate.spec.module import Module, Shape, named, options, short, times
from striate.spec.pointer import pointed
from striate.spec.tree import (
    Activation,
    Block,
    Conv,
    Dropout,
    Layer,
    Linear,
    Norm,
    Pair,
    Pool,
    Repeat,
    Reshape,
    Width,
    ending,
    strides,
)
from striate.spec.words import ACTIVATIONS

LARGEST_INPUT = 4096

# Krizhevsky, Sutskever, Hinton 2012, section 3.3. torch divides alpha by n, the paper does not.
LRN_K, LRN_N, LRN_ALPHA, LRN_BETA = 2.0, 5, 1e-4, 0.75
Jump = tuple[Fraction, Fraction]
UNMOVED = (Fraction(1), Fraction(1))


def plan(text: str, *, input: Shape = (3, 32, 32), num_classes: int | None = None) -> tuple[Module, ...]:
    """Read a spec and work out every module for pictures of shape `input` (C, H, W).

    `num_classes` is the width of `fc-classes`; when given, the network must end in that many outputs.
    Raises a UsageError that points at the layer where the shapes do not go together.
    """
    layers = parse(text)
    shape = tuple(input)
    if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise UsageError(f"An input is channels, height and width, such as (3, 32, 32); got {input!r}.")
    if num_classes is not None and num_classes < 1:
        raise UsageError(f"num_classes must be at least 1; got {num_classes}.")
    try:
        modules = Planner(text, num_classes).layers(layers, shape)
    except TooSmall as error:
        enough = _large_enough(layers, shape, num_classes)
        hint = f" Or give an input of {enough}x{enough}." if enough else ""
        raise pointed(text, error.layer.span, f"{error}{hint}") from None
    if num_classes is not None:
        _check_output(text, layers[-1], modules[-1].shape, num_classes)
    return modules


def _check_output(text: str, last: Layer, shape: Shape, num_classes: int) -> None:
    if shape == (num_classes,):
        return
    advice = "write fc-classes." if len(shape) == 1 else "end it in fc-classes, or in: gap fc-classes"
    message = f"The network ends in {named(shape)}, and there are {num_classes} classes: {advice}"
    raise pointed(text, last.span, message)


def _large_enough(layers: tuple[Layer, ...], shape: Shape, num_classes: int | None) -> int | None:
    """Return the side of a square input that is large enough for every window, nearly the least, or None."""
    small, large = max(shape[1:]), LARGEST_INPUT
    if not _fits(layers, (shape[0], large, large), num_classes):
        return None
    while large - small > 1:
        middle = (small + large) // 2
        if _fits(layers, (shape[0], middle, middle), num_classes):
            large = middle
        else:
            small = middle
    return large


def _fits(layers: tuple[Layer, ...], shape: Shape, num_classes: int | None) -> bool:
    try:
        Planner("", num_classes).layers(layers, shape)
    except (TooSmall, UsageError):
        return False
    return True


class TooSmall(Exception):
    """A feature map is smaller than the window over it; a larger input may help."""

    def __init__(self, layer: Layer, message: str) -> None:
        super().__init__(message)
        self.layer = layer


@dataclass
class Planner:
    """A walk over the layers of `text`; `done` counts them, so that an error can say in which repetition it is."""

    text: str
    num_classes: int | None = None
    done: int = 0

    def layers(self, layers: Sequence[Layer], shape: Shape) -> tuple[Module, ...]:
        """Plan layers one after the other, from an input of `shape`."""
        modules: list[Module] = []
        for layer in layers:
            for _ in range(layer.count if isinstance(layer, Repeat) else 1):
                modules += self.layer(layer, modules[-1].shape if modules else shape)
        return tuple(modules)

    def layer(self, layer: Layer, shape: Shape) -> tuple[Module, ...]:
        """Plan one layer, or one turn of a repetition."""
        match layer:
            case Repeat():
                return self.layers(layer.body, shape)
            case Block():
                return (self.block(layer, shape),)
        self.done += 1
        match layer:
            case Conv():
                return (self.convolution(layer, shape),)
            case Pool():
                return (self.pool(layer, shape),)
            case Linear():
                return self.linear(layer, shape)
            case Norm():
                return (self.norm(layer, shape),)
            case Reshape():
                return self.reshape(layer, shape)
            case Dropout():
                return (Module("Dropout", (layer.rate,), shape),)
            case Activation():
                slope = () if layer.slope is None else (layer.slope,)
                return (Module(ACTIVATIONS[layer.name], slope, shape),)
        raise AssertionError(layer)

    def convolution(self, layer: Conv, shape: Shape) -> Module:
        """Plan a plain, depthwise or transposed convolution."""
        self.want_map(layer, shape)
        grows = layer.name == "tconv"
        channels, groups = self.channels(layer, shape)
        padding, extra = self.padding(layer)
        axes = windows(layer.kernel, stride=layer.stride, padding=padding, dilation=layer.dilation)
        if grows:
            work = partial(transposed_shape, shape, axes, channels=channels, output_padding=extra)
        else:
            work = partial(output_shape, shape, axes, channels=channels)
        chosen = options(
            {
                "stride": (layer.stride, (1, 1)),
                "padding": (padding, (0, 0)),
                "output_padding": (extra, (0, 0)),
                "dilation": (layer.dilation, (1, 1)),
                "groups": (groups, 1),
                "bias": (layer.bias, True),
            }
        )
        arguments = (shape[0], channels, short(layer.kernel))
        return Module(
            "ConvTranspose2d" if grows else "Conv2d", arguments, self.fitted(layer, shape, work), chosen
        )

    def pool(self, layer: Pool, shape: Shape) -> Module:
        """Plan a pooling layer."""
        self.want_map(layer, shape)
        stride = layer.stride or layer.kernel
        axes = windows(layer.kernel, stride=stride, padding=layer.padding)
        for axis in axes:
            if axis.before > axis.kernel // 2:
                self.fail(
                    layer,
                    f"'{layer}' pads more than half of its kernel: {axis.before} is over {axis.kernel // 2}.",
                )
        out = self.fitted(layer, shape, lambda: output_shape(shape, axes, ceil=layer.ceil))
        chosen = options(
            {
                "stride": (stride, layer.kernel),
                "padding": (layer.padding, (0, 0)),
                "ceil_mode": (layer.ceil, False),
            }
        )
        name = {"maxpool": "MaxPool2d", "avgpool": "AvgPool2d"}[layer.name]
        return Module(name, (short(layer.kernel),), out, chosen)

    def linear(self, layer: Linear, shape: Shape) -> tuple[Module, ...]:
        """Plan a fully connected layer, and the flattening of a map before it."""
        width = self.width(layer, layer.width)
        inputs = prod(shape)
        flat = (Module("Flatten", (), (inputs,)),) if len(shape) > 1 else ()
        return (*flat, Module("Linear", (inputs, width), (width,), options({"bias": (layer.bias, True)})))

    def norm(self, layer: Norm, shape: Shape) -> Module:
        """Plan a norm of the maps or the vector that reaches it."""
        if layer.name == "bn":
            return Module("BatchNorm2d" if len(shape) > 1 else "BatchNorm1d", (shape[0],), shape)
        if layer.name == "gn":
            groups = layer.size or 1
            if shape[0] % groups:
                self.fail(layer, f"'{layer}' cannot share {shape[0]} channels among {groups} groups.")
            return Module("GroupNorm", (groups, shape[0]), shape)
        self.want_map(layer, shape)
        size = layer.size or LRN_N
        chosen = (("alpha", round(LRN_ALPHA * size, 10)), ("beta", LRN_BETA), ("k", LRN_K))
        return Module("LocalResponseNorm", (size,), shape, chosen)

    def reshape(self, layer: Reshape, shape: Shape) -> tuple[Module, ...]:
        """Plan `gap` or `flatten`."""
        if layer.name == "flatten":
            return (Module("Flatten", (), (prod(shape),)),)
        self.want_map(layer, shape)
        return Module("AdaptiveAvgPool2d", (1,), (shape[0], 1, 1)), Module("Flatten", (), (shape[0],))

    def block(self, layer: Block, shape: Shape) -> Module:
        """Plan a residual or dense block; raises UsageError where its output cannot be added or joined to its input."""
        body = self.layers(layer.body, shape)
        out, jump = body[-1].shape, strides(layer.body)
        if len(out) != len(shape) or ((jump == UNMOVED or layer.dense) and out[1:] != shape[1:]):
            verb = "joined" if layer.dense else "added"
            what = f"This block makes {named(out)} of {named(shape)}, and the two cannot be {verb}."
            self.fail(layer, f"{what} Keep the size of the map within it.")
        if layer.dense:
            return Module("DenseLayer", (), (shape[0] + out[0], *shape[1:]), body=body)
        changed = jump != UNMOVED or out[0] != shape[0]
        shortcut = self.shortcut(layer, shape, out, jump) if changed else ()
        return Module("Residual", (), out, body=body, shortcut=shortcut)

    def shortcut(self, layer: Block, shape: Shape, out: Shape, jump: Jump) -> tuple[Module, ...]:
        """Plan a projection: a 1x1 convolution with the block's stride, and the norm the block ends in.

        Source: He et al. 2015, section 3.3, option B.
        """
        if len(shape) == 1:
            projection = Module("Linear", (shape[0], out[0]), out, options({"bias": (False, True)}))
        else:
            rows, columns = (max(1, int(j)) for j in jump)
            made = output_shape(shape, windows(1, stride=(rows, columns)), channels=out[0])
            if made != out:
                what = f"This block makes {named(out)} of {named(shape)}, but its shortcut {named(made)}."
                self.fail(layer, f"{what} Pad 'same' within it, and do not enlarge the map.")
            chosen = options({"stride": ((rows, columns), (1, 1)), "bias": (False, True)})
            projection = Module("Conv2d", (shape[0], out[0], 1), out, chosen)
        last = ending(layer.body)
        norm = (self.norm(last, out),) if isinstance(last, Norm) and last.name != "lrn" else ()
        return (projection, *norm)

    def channels(self, layer: Conv, shape: Shape) -> tuple[int, int]:
        """Return a convolution's output channels and its groups, which must divide both channels."""
        if layer.name == "dwconv":
            groups, channels = shape[0], shape[0] if layer.width is None else self.width(layer, layer.width)
        else:
            groups, channels = layer.groups, self.width(layer, layer.width)
        if shape[0] % groups or channels % groups:
            whose = "one for each channel" if layer.name == "dwconv" else "which must divide both"
            self.fail(
                layer, f"'{layer}' has {groups} groups, {whose}: {shape[0]} channels in and {channels} out."
            )
        return channels, groups

    def width(self, layer: Layer, width: Width | None) -> int:
        """Return a width as a number; `classes` is num_classes."""
        if isinstance(width, int):
            return width
        if self.num_classes is None:
            self.fail(layer, f"'{layer}' takes its width from the data: say num_classes, or write a number.")
        return self.num_classes

    def padding(self, layer: Conv) -> tuple[Pair, Pair]:
        """Return the padding of the rows and columns, and the output padding of a transposed convolution."""
        if layer.padding is not None:
            return layer.padding, (0, 0)
        rule = same_transposed if layer.name == "tconv" else same_padding
        rows, columns = map(rule, layer.kernel, layer.stride, layer.dilation)
        if rows is None or columns is None:
            even = layer.kernel[0] if rows is None else layer.kernel[1]
            stated = replace(layer, padding=(even // 2, even // 2))
            what = f"'{layer}' has an even kernel, and no padding of both ends keeps the size of the map."
            self.fail(layer, f"{what} Take an odd kernel, or say the padding, such as {stated}.")
        return (rows[0], columns[0]), (rows[1], columns[1])

    def fitted(self, layer: Layer, shape: Shape, make: Callable[[], Shape]) -> Shape:
        """Return the output shape of a window; raises TooSmall where the feature map is too small for it."""
        try:
            return make()
        except UsageError as error:
            where = f"'{layer}' (layer {self.done}) cannot take the {times(shape)} map that reaches it."
            raise TooSmall(layer, f"{where} {error}") from None

    def want_map(self, layer: Layer, shape: Shape) -> None:
        """Raise UsageError for a vector where a feature map is needed."""
        if len(shape) == 1:
            why = "it belongs before 'gap', 'flatten' and 'fc'."
            self.fail(layer, f"'{layer}' needs a map, but {named(shape)} reaches it: {why}")

    def fail(self, layer: Layer, message: str) -> NoReturn:
        """Raise the error, pointing at the layer."""
        raise pointed(self.text, layer.span, message)


# What "same" padding is in the layer language: a map of N becomes N / stride, or N * stride transposed. An odd kernel
# pads (kernel - 1) / 2 as is usual, so that any size is divided rounding up. An even kernel pads
# (kernel - stride) / 2, which divides the sizes that are multiples of the stride; at stride 1 it has no such padding.
# Both functions return (padding, output padding), or None where there is none.


def same_padding(kernel: int, stride: int, dilation: int) -> tuple[int, int] | None:
    """Return the padding at both ends of an axis with which its size is divided by `stride`."""
    reach = dilation * (kernel - 1) + 1
    if reach % 2:
        return (reach - 1) // 2, 0
    return (max(0, -(-(reach - stride) // 2)), 0) if stride > 1 else None


def same_transposed(kernel: int, stride: int, dilation: int) -> tuple[int, int] | None:
    """Return the padding and output padding with which the size of an axis is multiplied by `stride`."""
    reach = dilation * (kernel - 1) + 1
    padding = max(0, -(-(reach - stride) // 2))
    extra = stride + 2 * padding - reach
    return (padding, extra) if extra < max(stride, dilation) else None
