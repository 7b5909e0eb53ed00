"""What one operation costs: parameters, multiply-adds and bytes, as exact whole numbers.

The convention, stated once: 1 MAC is one multiply-add of a convolution or a fully connected layer, for one
picture, with the taps that fall on padding counted. Everything else is listed apart in `other_ops`: one
operation for a bias added, for an element of a pooling window, for an element of an elementwise function; two
(scale and shift) for a normalised element. Shapes are those of one picture, (C, H, W) or (features,).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from striate.arithmetic.plane import Shape
from striate.errors import UsageError


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of an operation or, added with `+`, of many.

    weights, biases: parameters of convolutions and linear layers. norms: scales and shifts of norms.
    macs, other_ops: multiply-adds, and all other operations.
    inputs, outputs: elements read and written for the given number of pictures.
    """

    weights: int = 0
    biases: int = 0
    norms: int = 0
    macs: int = 0
    other_ops: int = 0
    inputs: int = 0
    outputs: int = 0

    @property
    def parameters(self) -> int:
        """All parameters: weights, biases and norms."""
        return self.weights + self.biases + self.norms

    @property
    def flops(self) -> int:
        """Floating point operations: two for each MAC, and `other_ops`."""
        return 2 * self.macs + self.other_ops

    def weight_bytes(self, *, element: int = 4) -> int:
        """Return the bytes of the parameters at `element` bytes each."""
        return self.parameters * element

    def activation_bytes(self, *, element: int = 4) -> int:
        """Return the bytes of the outputs at `element` bytes each."""
        return self.outputs * element

    def traffic(self, *, element: int = 4) -> int:
        """Return the least bytes moved: every input and parameter read once, every output written once."""
        return (self.inputs + self.outputs + self.parameters) * element

    def batch(self, pictures: int) -> "Cost":
        """Return the cost for a batch: operations and elements times `pictures`, the same parameters."""
        return replace(
            self,
            macs=self.macs * pictures,
            other_ops=self.other_ops * pictures,
            inputs=self.inputs * pictures,
            outputs=self.outputs * pictures,
        )

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.weights + other.weights,
            self.biases + other.biases,
            self.norms + other.norms,
            self.macs + other.macs,
            self.other_ops + other.other_ops,
            self.inputs + other.inputs,
            self.outputs + other.outputs,
        )


def convolution(
    inputs: Shape, outputs: Shape, kernel: Sequence[int], *, groups: int = 1, bias: bool = True
) -> Cost:
    """Return the cost of a convolution; `kernel` has one number per axis. Dilation does not change it.

    Each output value sums the products over kernel x (input channels / groups).
    """
    weights = prod(kernel) * _shared(inputs[0], outputs[0], groups)
    macs = prod(outputs[1:]) * weights
    return _weighted(inputs, outputs, weights=weights, macs=macs, bias=bias)


def transposed_convolution(
    inputs: Shape, outputs: Shape, kernel: Sequence[int], *, groups: int = 1, bias: bool = True
) -> Cost:
    """Return the cost of a transposed convolution.

    Each input value is spread over kernel x (output channels / groups).
    """
    weights = prod(kernel) * _shared(inputs[0], outputs[0], groups)
    macs = prod(inputs[1:]) * weights
    return _weighted(inputs, outputs, weights=weights, macs=macs, bias=bias)


def linear(inputs: Shape, features: int, *, bias: bool = True) -> Cost:
    """Return the cost of a fully connected layer over the last axis of `inputs`: (features,) when flat."""
    outputs = (*inputs[:-1], features)
    weights = inputs[-1] * features
    macs = prod(inputs[:-1]) * weights
    cost = _weighted(inputs, outputs, weights=weights, macs=macs, bias=bias)
    return replace(cost, biases=features if bias else 0)


def norm(shape: Shape, *, features: int | None = None, affine: bool = True) -> Cost:
    """Return the cost of a norm with a scale and a shift for each of `features` (None: the channels)."""
    size = prod(shape)
    learned = 2 * (shape[0] if features is None else features) if affine else 0
    return Cost(norms=learned, other_ops=2 * size, inputs=size, outputs=size)


def pooling(inputs: Shape, outputs: Shape, kernel: Sequence[int]) -> Cost:
    """Return the cost of max or average pooling: one operation for each element of each window."""
    return Cost(other_ops=prod(outputs) * prod(kernel), inputs=prod(inputs), outputs=prod(outputs))


def elementwise(shape: Shape, *, operands: int = 1) -> Cost:
    """Return the cost of an elementwise function of one feature map (ReLU) or of `operands` of them (a sum)."""
    size = prod(shape)
    return Cost(other_ops=size * max(1, operands - 1), inputs=size * operands, outputs=size)


def _weighted(inputs: Shape, outputs: Shape, *, weights: int, macs: int, bias: bool) -> Cost:
    size = prod(outputs)
    return Cost(
        weights=weights,
        biases=outputs[0] if bias else 0,
        macs=macs,
        other_ops=size if bias else 0,
        inputs=prod(inputs),
        outputs=size,
    )


def _shared(in_channels: int, out_channels: int, groups: int) -> int:
    """Return how many (input channel, output channel) pairs a convolution connects."""
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise UsageError(
            f"groups must divide the channels in and out; got {groups} groups for {in_channels} in "
            f"and {out_channels} out."
        )
    return in_channels * out_channels // groups
