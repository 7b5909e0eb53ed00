"""Rules for matrix products: linear layers, matmul, attention."""

from math import prod
from typing import Any

import torch
from torch import Tensor

from striate.tracing.arguments import Args, Kwargs, argument
from striate.tracing.sight import Sight, gather, gather_all, joined
from striate.tracing.tracer import Effect, Tracer


def linear(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer a fully connected layer over the last dimension."""
    x: Tensor = argument(args, kwargs, 0, "input", None)
    weight: Tensor = argument(args, kwargs, 1, "weight", None)
    bias: Tensor | None = argument(args, kwargs, 2, "bias", None)
    shape, features = tuple(x.shape), weight.shape[-1]
    if shape[-1] != features:
        raise tracer.fail(
            f"takes {features} features; its input has {shape[-1]}. A network that flattens its last map "
            f"takes pictures of one size only."
        )
    out = (*shape[:-1], *weight.shape[:-1])
    sight = _last_gathered(tracer.mark(x).sight, len(shape))
    effect = Effect(out, x.dtype, sight, prod(shape) * weight.shape[0] if weight.dim() == 2 else prod(shape))
    effect.saves, effect.roles = (x, weight), ((weight, "weight"), (bias, "bias"))
    return tracer.emit(name, (x, weight, bias), effect)


def matmul(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Answer matmul, mm and bmm of matrices; products with a vector are left to the fallback."""
    a: Tensor = args[0]
    b: Tensor = argument(args, kwargs, 1, "other", kwargs.get("mat2"))
    if a.dim() < 2 or b.dim() < 2:
        return tracer.unruled(torch.matmul, (a, b), {})
    left, right = tuple(a.shape), tuple(b.shape)
    if left[-1] != right[-2]:
        raise tracer.fail(f"{name} cannot multiply the shapes {left} and {right}.")
    lead = tuple(torch.broadcast_shapes(left[:-2], right[:-2]))
    out = (*lead, left[-2], right[-1])
    marks = tracer.mark(a), tracer.mark(b)
    if marks[0].data and not marks[1].data and len(right) == 2:
        sight = _last_gathered(marks[0].sight, len(left))
    else:
        sight = joined([(gather_all(m.sight), out) for m in marks], len(out))
    effect = Effect(out, a.dtype, sight, prod(out) * left[-1])
    effect.saves = [t for t, partner in ((a, marks[1]), (b, marks[0])) if partner.grad]
    effect.roles = ((a, "weight"), (b, "weight"))
    return tracer.emit("matmul", (a, b), effect)


def attention(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer scaled_dot_product_attention: every position reads every other."""
    q: Tensor = argument(args, kwargs, 0, "query", None)
    k: Tensor = argument(args, kwargs, 1, "key", None)
    v: Tensor = argument(args, kwargs, 2, "value", None)
    out = (*q.shape[:-1], v.shape[-1])
    macs = prod(q.shape[:-1]) * k.shape[-2] * (q.shape[-1] + v.shape[-1])
    sight = joined([(gather_all(tracer.mark(t).sight), out) for t in (q, k, v)], len(out))
    effect = Effect(out, q.dtype, sight, macs, saves=(q, k, v), saves_output=True)
    effect.extra_saved = 4 * prod(q.shape[:-1])  # the log-sum-exp of each row
    return tracer.emit(name, (q, k, v), effect)


def _last_gathered(sight: Sight | None, rank: int) -> Sight | None:
    return sight and tuple(gather(axis) if axis.dim == rank - 1 else axis for axis in sight)
