"""One layer computed from its input's shape: a convolution, a transposed convolution or a pooling."""

from dataclasses import KW_ONLY, dataclass, replace
from math import prod
from typing import Literal

from striate.arithmetic import cost
from striate.arithmetic.cost import Cost
from striate.arithmetic.field import Field
from striate.arithmetic.plane import Shape, output_shape, transposed_shape
from striate.arithmetic.window import Window
from striate.errors import UsageError

Kind = Literal["convolution", "transposed", "max", "average"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer over a (C, H, W) input; a pooling ignores `filters`, `groups` and `bias`."""

    shape: Shape
    windows: tuple[Window, Window]
    _: KW_ONLY
    kind: Kind = "convolution"
    filters: int = 1
    groups: int = 1
    bias: bool = True
    ceil: bool = False
    output_padding: int = 0

    @property
    def pools(self) -> bool:
        """Whether this is a pooling, which keeps its channels and has no parameters."""
        return self.kind in ("max", "average")

    @property
    def kernel(self) -> tuple[int, int]:
        """The height and width of the filter."""
        return self.windows[0].kernel, self.windows[1].kernel

    @property
    def output(self) -> Shape:
        """The shape (C, H, W) of the output. Raises UsageError where the layer does not fit its input."""
        if self.kind == "transposed":
            return transposed_shape(
                self.shape, self.windows, channels=self.filters, output_padding=self.output_padding
            )
        if self.pools:
            for window in self.windows:
                window.check_pooling()
            return output_shape(self.shape, self.windows, ceil=self.ceil)
        return output_shape(self.shape, self.windows, channels=self.filters)

    @property
    def cost(self) -> Cost:
        """What the layer costs for one picture."""
        if self.pools:
            return cost.pooling(self.shape, self.output, self.kernel)
        count = cost.transposed_convolution if self.kind == "transposed" else cost.convolution
        return count(self.shape, self.output, self.kernel, groups=self.groups, bias=self.bias)

    @property
    def products(self) -> int:
        """The products summed into one output value: a filter's weights. Not of a transposed convolution."""
        return prod(self.kernel) * self.shape[0] // self.groups

    def stack(self, times: int) -> tuple["Layer", ...]:
        """Return the layer stacked `times` times, each copy on the output of the one before.

        Raises UsageError, naming the layer, where the feature map has become too small for it.
        """
        layers, shape = [], self.shape
        for which in range(1, times + 1):
            layers.append(replace(self, shape=shape))
            try:
                shape = layers[-1].output
            except UsageError as error:
                raise UsageError(f"Layer {which} of {times}: {error}" if times > 1 else str(error)) from error
        return tuple(layers)


def fields(layers: tuple[Layer, ...]) -> tuple[Field, Field]:
    """Return the receptive fields (rows, columns) of the last of some stacked layers."""
    rows, columns = Field(), Field()
    for layer in layers:
        if layer.kind == "transposed":
            rows, columns = (
                rows.through_transposed(layer.windows[0]),
                columns.through_transposed(layer.windows[1]),
            )
        else:
            rows, columns = rows.through(layer.windows[0]), columns.through(layer.windows[1])
    return rows, columns


def stack_weights(layers: tuple[Layer, ...]) -> tuple[int, int]:
    """Return how many weights stacked layers have, and how many one layer has whose kernel is their receptive field."""
    rows, columns = fields(layers)
    pairs = layers[0].shape[0] * layers[-1].filters // layers[0].groups
    return sum(layer.cost.weights for layer in layers), rows.size * columns.size * pairs
