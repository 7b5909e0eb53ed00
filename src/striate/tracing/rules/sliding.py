"""Rules for sliding windows: convolution, transposed convolution, pooling, resizing."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm, prod
from typing import Any

import torch
from torch import Tensor

from striate.arithmetic import cost
from striate.arithmetic.field import Field
from striate.arithmetic.plane import windows
from striate.arithmetic.window import PerAxis, Window
from striate.errors import UsageError
from striate.tracing.arguments import Args, Kwargs, argument, each, hashable
from striate.tracing.sight import Shape, Sight, refielded, slid
from striate.tracing.tracer import Effect, Tracer

_INDEX_BYTES = 8  # torch's max pooling keeps an int64 index for each output


class TooSmallError(UsageError):
    """A window is larger than the map that reaches it; a larger picture may help."""


def convolution(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer conv1d, conv2d and conv3d."""
    x: Tensor = argument(args, kwargs, 0, "input", None)
    weight: Tensor = argument(args, kwargs, 1, "weight", None)
    bias: Tensor | None = argument(args, kwargs, 2, "bias", None)
    groups: int = argument(args, kwargs, 6, "groups", 1)
    axes = weight.dim() - 2
    shape, kernel = tuple(x.shape), tuple(weight.shape)
    _check_channels(tracer, shape, kernel[1] * groups, axes)
    slide = _windows(
        kernel[2:],
        hashable(argument(args, kwargs, 3, "stride", 1)),
        _conv_padding(argument(args, kwargs, 4, "padding", 0)),
        hashable(argument(args, kwargs, 5, "dilation", 1)),
        axes,
    )
    sizes = _sizes(tracer, shape, slide, ceil=False)
    lead = shape[: -axes - 1]
    out = (*lead, kernel[0], *sizes)
    macs = prod(lead) * _macs(shape[-axes - 1 :], out[-axes - 1 :], kernel[2:], groups)
    effect = Effect(out, x.dtype, slid(tracer.mark(x).sight, slide, out, len(out)), macs, slide)
    effect.saves, effect.roles = (x, weight), ((weight, "weight"), (bias, "bias"))
    return tracer.emit(name, (x, weight, bias), effect)


def transposed_convolution(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer conv_transpose1d, 2d and 3d."""
    x: Tensor = argument(args, kwargs, 0, "input", None)
    weight: Tensor = argument(args, kwargs, 1, "weight", None)
    bias: Tensor | None = argument(args, kwargs, 2, "bias", None)
    groups: int = argument(args, kwargs, 6, "groups", 1)
    axes = weight.dim() - 2
    shape, kernel = tuple(x.shape), tuple(weight.shape)
    _check_channels(tracer, shape, kernel[0], axes)
    dilation = hashable(argument(args, kwargs, 7, "dilation", 1))
    stride = hashable(argument(args, kwargs, 3, "stride", 1))
    slide = _windows(kernel[2:], stride, hashable(argument(args, kwargs, 4, "padding", 0)), dilation, axes)
    extra = each(argument(args, kwargs, 5, "output_padding", 0), axes)
    try:
        sizes = [
            w.transposed(n, output_padding=e) for w, n, e in zip(slide, shape[-axes:], extra, strict=True)
        ]
    except UsageError as error:
        raise tracer.fail(str(error)) from error
    lead = shape[: -axes - 1]
    out = (*lead, kernel[1] * groups, *sizes)
    macs = prod(shape) * kernel[1] * prod(kernel[2:])
    sight = tracer.mark(x).sight
    if sight:
        fields = [axis.field.through_transposed(w) for axis, w in zip(sight, slide, strict=False)]
        sight = refielded(sight, fields, out) if _along(sight, len(out), axes) else None
    effect = Effect(out, x.dtype, sight, macs)
    effect.saves, effect.roles = (x, weight), ((weight, "weight"), (bias, "bias"))
    return tracer.emit(name, (x, weight, bias), effect)


def pooling(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Answer max, average and power pooling over one, two or three axes."""
    x: Tensor = argument(args, kwargs, 0, "input", None)
    axes = int(name[-2])
    at = 2 if name.startswith("lp") else 1
    kernel = hashable(argument(args, kwargs, at, "kernel_size", None))
    stride = hashable(argument(args, kwargs, at + 1, "stride", None) or kernel)
    largest = name.startswith("max")
    padding = 0 if name.startswith("lp") else hashable(argument(args, kwargs, at + 2, "padding", 0))
    dilation = hashable(argument(args, kwargs, 4, "dilation", 1)) if largest else 1
    ceil = bool(argument(args, kwargs, 5 if largest else 4, "ceil_mode", False))
    slide = _windows(kernel, stride, padding, dilation, axes)
    shape = tuple(x.shape)
    for window in slide:
        try:
            window.check_pooling()
        except UsageError as error:
            raise tracer.fail(str(error)) from error
    out = (*shape[:-axes], *_sizes(tracer, shape, slide, ceil=ceil))
    return _pooled(tracer, name, x, out, (slide, ceil), bool(kwargs.get("return_indices")))


def adaptive_pooling(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Answer adaptive pooling: an ordinary window where the output divides the map, else windows of two sizes."""
    x: Tensor = argument(args, kwargs, 0, "input", None)
    axes = int(name[-2])
    shape = tuple(x.shape)
    asked = each(argument(args, kwargs, 1, "output_size", None), axes)
    sizes = [n if size is None else size for size, n in zip(asked, shape[-axes:], strict=True)]
    out = (*shape[:-axes], *sizes)
    indices = bool(kwargs.get("return_indices"))
    if all(n % size == 0 for n, size in zip(shape[-axes:], sizes, strict=True)):
        kernel = tuple(n // size for n, size in zip(shape[-axes:], sizes, strict=True))
        return _pooled(tracer, name, x, out, (_windows(kernel, kernel, 0, 1, axes), False), indices)
    sight = tracer.mark(x).sight
    if sight and _along(sight, len(shape), axes):
        fields = [
            _irregular(axis.field, n, [(i * n // m, -(-(i + 1) * n // m) - 1) for i in range(m)])
            for axis, n, m in zip(sight, shape[-axes:], sizes, strict=True)
        ]
        sight = refielded(sight, fields, out)
    effect = Effect(out, x.dtype, sight)
    effect.saves, effect.extra_saved = (x,), _index_bytes(name, out)
    return _with_indices(tracer, tracer.emit(name, (x,), effect), indices)


def resizing(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer interpolate: nearest neighbour reads one position per axis, linear two, cubic four."""
    x: Tensor = argument(args, kwargs, 0, "input", None)
    size = argument(args, kwargs, 1, "size", None)
    scale = argument(args, kwargs, 2, "scale_factor", None)
    mode = str(argument(args, kwargs, 3, "mode", "nearest"))
    shape = tuple(x.shape)
    axes = len(shape) - 2
    if size is not None:
        sizes = [int(n) for n in each(size, axes)]
    else:
        sizes = [int(n * float(s)) for n, s in zip(shape[2:], each(scale, axes), strict=True)]
    out = (*shape[:2], *sizes)
    sight = tracer.mark(x).sight
    taps = {"nearest": 1, "nearest-exact": 1, "linear": 2, "bilinear": 2, "trilinear": 2, "bicubic": 4}
    aligned = kwargs.get("align_corners") or kwargs.get("antialias")
    if sight and (aligned or mode not in taps or not _along(sight, len(shape), axes)):
        tracer.warn(f"The receptive field is not followed past interpolate ({mode}) in {tracer.where()}.")
        sight = None
    if sight:
        fields = [
            _irregular(axis.field, n // gcd(n, m), _taps(n // gcd(n, m), m // gcd(n, m), taps[mode]))
            for axis, n, m in zip(sight, shape[2:], sizes, strict=True)
        ]
        sight = refielded(sight, fields, out)
    return tracer.emit(name, (x,), Effect(out, x.dtype, sight))


def _pooled(
    tracer: Tracer, name: str, x: Tensor, out: Shape, slide: tuple[tuple[Window, ...], bool], indices: bool
) -> Any:
    windows, ceil = slide
    sight = slid(tracer.mark(x).sight, windows, out, len(out))
    effect = Effect(out, x.dtype, sight, 0, windows, ceil)
    effect.saves, effect.extra_saved = (x,), _index_bytes(name, out)
    return _with_indices(tracer, tracer.emit(name, (x,), effect), indices)


def _with_indices(tracer: Tracer, out: Tensor, wanted: bool) -> Any:
    if not wanted:
        return out
    indices = torch.empty(out.shape, dtype=torch.int64, device="meta")
    return out, tracer.quiet(out, indices)


def _index_bytes(name: str, out: Shape) -> int:
    return _INDEX_BYTES * prod(out) if "max" in name else 0


def _taps(old: int, new: int, taps: int) -> list[tuple[int, int]]:
    """Return the first and last of `old` inputs that each of `new` outputs reads, away from the border."""
    if taps == 1:
        return [(o * old // new, o * old // new) for o in range(new)]
    first = [((2 * o + 1) * old - new) // (2 * new) - taps // 2 + 1 for o in range(new)]
    return [(f, f + taps - 1) for f in first]


def _irregular(field: Field, old: int, reads: Sequence[tuple[int, int]]) -> Field:
    """Return the field whose outputs read the positions (first, last) of `reads`, repeated every `old` positions."""
    # A field that is periodic itself lengthens the pattern to a common period.
    turns = lcm(old, max(1, len(field.phases))) // old
    spans = []
    for turn in range(turns):
        for first, last in reads:
            seen = [field.span(place + turn * old) for place in range(first, last + 1)]
            known = [span for span in seen if span]
            spans.append((min(a for a, _ in known), max(b for _, b in known)))
    jump = Fraction(field.jump * old, len(reads))
    return Field(
        size=max(last - first + 1 for first, last in spans),
        jump=int(jump) if jump == int(jump) else jump,
        start=spans[0][0],
        phases=tuple(spans) if len(spans) > 1 else (),
        narrowest=field.narrowest and _irregular(field.narrowest, old, reads),
    )


def _sizes(tracer: Tracer, shape: Shape, slide: Sequence[Window], *, ceil: bool) -> list[int]:
    try:
        return [w.output(n, ceil=ceil) for w, n in zip(slide, shape[-len(slide) :], strict=True)]
    except UsageError as error:
        size = "x".join(map(str, shape[1:]))
        raise TooSmallError(str(tracer.fail(f"its input is {size}. {error}"))) from error


def _check_channels(tracer: Tracer, shape: Shape, wanted: int, axes: int) -> None:
    if len(shape) not in (axes + 1, axes + 2):
        raise tracer.fail(
            f"takes maps over {axes} axes, (batch, channels, ...); its input has the shape {shape}."
        )
    if shape[-axes - 1] != wanted:
        raise tracer.fail(f"takes {wanted} channels; its input is {'x'.join(map(str, shape[1:]))}.")


@lru_cache(maxsize=1024)
def _windows(
    kernel: PerAxis, stride: PerAxis, padding: Any, dilation: PerAxis, axes: int
) -> tuple[Window, ...]:
    return windows(kernel, stride=stride, padding=padding, dilation=dilation, axes=axes)


@lru_cache(maxsize=1024)
def _macs(inputs: Shape, outputs: Shape, kernel: Shape, groups: int) -> int:
    return cost.convolution(inputs, outputs, kernel, groups=groups, bias=False).macs


def _conv_padding(padding: Any) -> Any:
    return 0 if padding == "valid" else hashable(padding)


def _along(sight: Sight, rank: int, axes: int) -> bool:
    """Return whether the picture's axes lie along the last dimensions, in order."""
    return [axis.dim for axis in sight] == list(range(rank - axes, rank))
