"""Rules for elementwise functions, normalisation, softmax and dropout."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from striate.tracing.arguments import Args, Kwargs, argument, names
from striate.tracing.sight import Shape, Sight, gather, joined
from striate.tracing.tracer import Effect, Tracer

# What torch keeps for the backward pass of each function (derivatives.yaml).
KEEPS_OUTPUT = names("relu sigmoid tanh exp sqrt rsqrt reciprocal softmax log_softmax")
KEEPS_INPUT = names(
    "gelu silu hardswish hardtanh relu6 leaky_relu hardsigmoid mish softplus elu selu celu log log2 "
    "log10 log1p abs clamp clamp_min clamp_max sin cos square pow logsigmoid softsign erf threshold "
    "hardshrink softshrink"
)
KEEPS_PARTNERS = names("mul div true_divide maximum minimum where prelu atan2")
KEEPS_NOTHING = names(
    "add sub rsub neg floor ceil round sign floor_divide remainder type_as float half bfloat16 double "
    "logical_and logical_or logical_not fill zero copy clone positive"
)
COMPARES = names("eq ne lt le gt ge isnan isinf isfinite")
_STATISTIC_BYTES = 4  # means and inverse deviations are kept as float32


def pointwise(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer an elementwise function of one tensor, or of several with broadcasting."""
    return _pointwise(tracer, name, args, kwargs, into=args[0] if kwargs.get("inplace") else None)


def pointwise_in_place(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer an elementwise function that overwrites its first tensor."""
    return _pointwise(tracer, name, args, kwargs, into=args[0])


def normalisation(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer batch, instance, group, layer and RMS normalisation."""
    x: Tensor = args[0] if args else kwargs["input"]
    shape = tuple(x.shape)
    weight, bias = _affine(name, args, kwargs)
    if name == "batch_norm":
        held = argument(args, kwargs, 1, "running_mean", None)
        held = weight if held is None else held
        if held is not None and (len(shape) < 2 or shape[1] != held.numel()):
            raise tracer.fail(
                f"normalises {held.numel()} channels; its input is {'x'.join(map(str, shape[1:]))}."
            )
    effect = Effect(shape, x.dtype, tracer.mark(x).sight)
    effect.saves, effect.roles = (x,), ((weight, "norm"), (bias, "norm"))
    effect.extra_saved = _STATISTIC_BYTES * _statistics(name, args, kwargs, shape)
    return tracer.emit(name, (x, weight, bias), effect)


def dropout(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer the dropouts: nothing happens in inference, and in training a mask is kept."""
    x: Tensor = args[0] if args else kwargs["input"]
    rate = argument(args, kwargs, 1, "p", 0.5)
    training = argument(args, kwargs, 2, "training", True)
    shape = tuple(x.shape)
    effect = Effect(shape, x.dtype, tracer.mark(x).sight)
    if not training or rate == 0:
        return tracer.emit(name, (x,), effect, into=x)
    mask = prod(shape) if name in ("dropout", "alpha_dropout") else prod(shape[:2])
    effect.extra_saved = mask * x.element_size()
    return tracer.emit(name, (x,), effect, into=x if kwargs.get("inplace") else None)


def local_response_norm(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer local response normalisation: in torch a square, a pooling, a power and a quotient."""
    x: Tensor = args[0] if args else kwargs["input"]
    shape, size = tuple(x.shape), argument(args, kwargs, 1, "size", 5)
    padded = prod(shape) // shape[1] * (shape[1] + size - 1)
    effect = Effect(shape, x.dtype, tracer.mark(x).sight)
    effect.saves, effect.extra_saved = (x,), (padded + 2 * prod(shape)) * x.element_size()
    return tracer.emit(name, (x,), effect)


def softmax(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer softmax and log_softmax, which read all of one dimension."""
    x: Tensor = args[0] if args else kwargs["input"]
    dim = argument(args, kwargs, 1, "dim", -1)
    shape = tuple(x.shape)
    sight = tracer.mark(x).sight
    if sight and dim is not None:
        along = dim % len(shape)
        # Every position reads the whole axis, which is therefore gathered.
        sight = tuple(gather(axis) if axis.dim == along else axis for axis in sight)
    return tracer.emit(name, (x,), Effect(shape, x.dtype, sight, saves_output=True))


def cast(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer Tensor.to and the like: a change of dtype is an operation, a change of device is none."""
    x: Tensor = args[0]
    wanted = [a for a in (*args[1:], *kwargs.values()) if isinstance(a, torch.dtype | Tensor)]
    named = {
        "float": torch.float32,
        "half": torch.float16,
        "double": torch.float64,
        "bfloat16": torch.bfloat16,
    }
    dtype = x.dtype
    if name in named:
        dtype = named[name]
    elif wanted:
        dtype = wanted[0] if isinstance(wanted[0], torch.dtype) else wanted[0].dtype
    if dtype == x.dtype:
        return x
    return tracer.emit("to", (x,), Effect(tuple(x.shape), dtype, tracer.mark(x).sight))


def _pointwise(tracer: Tracer, name: str, args: Args, kwargs: Kwargs, *, into: Tensor | None) -> Tensor:
    tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
    if into is None and tensors[0].numel() == 1 and all(tracer.holds(t) for t in tensors):
        return tracer.run_real(getattr(torch, name), args, kwargs)
    shape = tuple(tensors[0].shape)
    if len(tensors) > 1:
        shape = shape if into is not None else _broadcast(tracer, name, [tuple(t.shape) for t in tensors])
    dtype = into.dtype if into is not None else _dtype(name, args, tensors)
    effect = Effect(shape, dtype, _sight(tracer, tensors, len(shape)))
    if name in KEEPS_OUTPUT:
        effect.saves_output = True
    elif name in KEEPS_INPUT:
        effect.saves = tensors[:1]
    elif name in KEEPS_PARTNERS:
        effect.saves = _partners(tracer, name, tensors)
    return tracer.emit(name, tensors, effect, into=into)


def _sight(tracer: Tracer, tensors: list[Tensor], rank: int) -> Sight | None:
    if len(tensors) == 1:
        return tracer.mark(tensors[0]).sight
    return joined([(tracer.mark(t).sight, tuple(t.shape)) for t in tensors], rank)


def _broadcast(tracer: Tracer, name: str, shapes: list[Shape]) -> Shape:
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    try:
        return tuple(torch.broadcast_shapes(*shapes))
    except RuntimeError as error:
        listed = " and ".join(str(shape) for shape in shapes)
        raise tracer.fail(
            f"{name} cannot join the shapes {listed}: they must be equal or 1 in each place."
        ) from error


def _dtype(name: str, args: Args, tensors: list[Tensor]) -> torch.dtype:
    if name in COMPARES or name.startswith("logical"):
        return torch.bool
    if name == "where":
        tensors = tensors[1:] or tensors
    first = tensors[0].dtype
    if first.is_floating_point and all(t.dtype == first for t in tensors):
        return first
    dtype = first
    for other in args:
        if isinstance(other, Tensor | int | float | complex):
            dtype = torch.promote_types(dtype, torch.result_type(torch.empty((), dtype=dtype), other))
    if not dtype.is_floating_point and name in (KEEPS_OUTPUT | KEEPS_INPUT | {"div", "true_divide"}) - {
        "abs",
        "pow",
    }:
        return torch.get_default_dtype()
    return dtype


def _partners(tracer: Tracer, name: str, tensors: list[Tensor]) -> list[Tensor]:
    """Return what is kept for the backward pass: each factor is needed for the gradient of the other."""
    if name == "where":
        return tensors[:1]
    grads = [tracer.mark(t).grad for t in tensors]
    if len(tensors) == 1:
        return []
    if name in ("div", "true_divide"):
        return tensors if grads[1] else tensors[1:]
    if name == "mul":
        return [t for t, partner in zip(tensors, reversed(grads), strict=True) if partner]
    return tensors


def _affine(name: str, args: Args, kwargs: Kwargs) -> tuple[Any, Any]:
    first = {"batch_norm": 3, "instance_norm": 3}.get(name, 2)
    weight = argument(args, kwargs, first, "weight", None)
    return weight, None if name == "rms_norm" else argument(args, kwargs, first + 1, "bias", None)


def _statistics(name: str, args: Args, kwargs: Kwargs, shape: Shape) -> int:
    """Return how many statistics are kept for the backward pass."""
    if name == "batch_norm":
        return 2 * shape[1]
    if name == "instance_norm":
        return 2 * shape[0] * shape[1]
    if name == "group_norm":
        return 2 * shape[0] * int(argument(args, kwargs, 1, "num_groups", 1))
    normalised: Shape = argument(args, kwargs, 1, "normalized_shape", (1,))
    return (1 if name == "rms_norm" else 2) * prod(shape) // max(1, prod(normalised))
