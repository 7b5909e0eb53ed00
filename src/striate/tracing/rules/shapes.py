"""Rules for views, slices, concatenation, padding, and sums over dimensions."""

from typing import Any

import torch
from torch import Tensor

from striate.arithmetic.field import Field
from striate.arithmetic.window import Window
from striate.tracing.arguments import Args, Kwargs, argument, names
from striate.tracing.rules.pointwise import pointwise
from striate.tracing.sight import Shape, Sight, joined, permuted, reduced, refielded, reshaped, through
from striate.tracing.tracer import Effect, Tracer


def reshape(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer view, reshape, flatten, squeeze and the like."""
    x: Tensor = args[0] if args else kwargs["input"]
    out: Tensor = _METHODS[name](x, *args[1:], **_rest(kwargs))
    sight = reshaped(tracer.mark(x).sight, tuple(x.shape), tuple(out.shape))
    return _moved(tracer, name, x, out, sight)


def permute(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer permute, transpose and movedim: the order is read off a tensor whose sizes number its dimensions."""
    x: Tensor = args[0] if args else kwargs["input"]
    out: Tensor = _METHODS[name](x, *args[1:], **_rest(kwargs))
    counter = torch.empty(tuple(range(1, x.dim() + 1)), device="meta")
    order = [size - 1 for size in _METHODS[name](counter, *args[1:], **_rest(kwargs)).shape]
    return _moved(tracer, name, x, out, permuted(tracer.mark(x).sight, order))


def same(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer what keeps shape and values: contiguous, detach, and moves to another device."""
    x: Tensor = args[0] if args else kwargs["input"]
    if name == "contiguous" and not x.is_contiguous():
        return pointwise(tracer, "clone", (x,), {})
    return x


def expand(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer expand and expand_as: every position of a repeated axis sees the same pixels."""
    x: Tensor = args[0]
    out: Tensor = _METHODS[name](x, *args[1:], **_rest(kwargs))
    return _moved(tracer, name, x, out, joined([(tracer.mark(x).sight, tuple(x.shape))], out.dim()))


def split(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Answer chunk, split, tensor_split and unbind."""
    x: Tensor = args[0] if args else kwargs["input"]
    outs: tuple[Tensor, ...] = _METHODS[name](x, *args[1:], **_rest(kwargs))
    dim = argument(args, kwargs, 1 if name == "unbind" else 2, "dim", 0) % x.dim()
    sight = tracer.mark(x).sight
    if sight:
        if any(axis.dim == dim for axis in sight):
            tracer.warn(f"The receptive field is not followed past {name} in {tracer.where()}.")
            sight = None
        elif name == "unbind":
            sight = tuple(
                a._replace(dim=a.dim - 1) if a.dim is not None and a.dim > dim else a for a in sight
            )
    return tracer.view(name, x, outs, [sight] * len(outs))


def index(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Answer x[...] with integers, slices, None, Ellipsis and one list of indices; the rest is left to the fallback."""
    x, key = args
    keys = [_places(tracer, k) for k in key] if isinstance(key, tuple) else [_places(tracer, key)]
    listed = [k for k in keys if isinstance(k, Tensor)]
    if len(listed) > 1 or any(not isinstance(k, int | slice | Tensor | None | type(Ellipsis)) for k in keys):
        return tracer.unruled(torch.Tensor.__getitem__, args, kwargs)
    if any(isinstance(k, int | None) for k in keys) and listed:
        return tracer.unruled(torch.Tensor.__getitem__, args, kwargs)
    out: Tensor = x[tuple(keys)]
    return _moved(tracer, "getitem", x, out, _sliced(tracer, x, keys, tuple(out.shape)))


def iterate(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Answer iteration over the first dimension."""
    return iter(split(tracer, "unbind", args, kwargs))


def concatenate(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer cat and stack."""
    tensors: list[Tensor] = list(argument(args, kwargs, 0, "tensors", ()))
    dim = argument(args, kwargs, 1, "dim", kwargs.get("axis", 0))
    shapes = [tuple(t.shape) for t in tensors]
    rank = len(shapes[0]) + (name == "stack")
    dim %= rank
    if name == "stack":
        out = (*shapes[0][:dim], len(shapes), *shapes[0][dim:])
    else:
        out = (*shapes[0][:dim], sum(s[dim] for s in shapes if len(s) == rank), *shapes[0][dim + 1 :])
    if any(s[:dim] + s[dim + (name == "cat") :] != out[:dim] + out[dim + 1 :] for s in shapes if s != (0,)):
        raise tracer.fail(
            f"{name} cannot join along dimension {dim} the shapes {', '.join(map(str, shapes))}."
        )
    sights = [tracer.mark(t).sight for t in tensors]
    if name == "stack":
        sights = [
            s and tuple(a._replace(dim=a.dim + (a.dim >= dim)) if a.dim is not None else a for a in s)
            for s in sights
        ]
    sight = _beside(sights, shapes if name == "cat" else [out] * len(shapes), dim, out)
    if sight is None and all(s is not None for s in sights):
        tracer.warn(f"The receptive field is not followed past {name} in {tracer.where()}.")
    return tracer.emit(name, tensors, Effect(out, tensors[0].dtype, sight))


def pad(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer F.pad: from the last dimension on, a pair for each; a negative number cuts off."""
    x: Tensor = argument(args, kwargs, 0, "input", None)
    amounts: list[int] = list(argument(args, kwargs, 1, "pad", ()))
    out = list(x.shape)
    before = [0] * len(out)
    for place in range(len(amounts) // 2):
        dim = len(out) - 1 - place
        before[dim] = amounts[2 * place]
        out[dim] += amounts[2 * place] + amounts[2 * place + 1]
    sight = tracer.mark(x).sight
    if sight:
        fields = [a.field if a.dim is None else shifted(a.field, -before[a.dim]) for a in sight]
        sight = refielded(sight, fields, tuple(out))
    return tracer.emit(name, (x,), Effect(tuple(out), x.dtype, sight))


def reduction(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Answer mean, sum, amax, amin and logsumexp over some or all dimensions."""
    x: Tensor = argument(args, kwargs, 0, "input", None)
    given = argument(args, kwargs, 1, "dim", kwargs.get("axis"))
    keep = bool(argument(args, kwargs, 2, "keepdim", False))
    rank = x.dim()
    dims = range(rank) if given is None else [given] if isinstance(given, int) else list(given)
    gone = {dim % rank for dim in dims} or set(range(rank))
    shape = tuple(1 if d in gone else n for d, n in enumerate(x.shape) if keep or d not in gone)
    effect = Effect(shape, x.dtype, reduced(tracer.mark(x).sight, sorted(gone), rank, keep))
    if name not in ("mean", "sum"):
        effect.saves, effect.saves_output = (x,), True
    return tracer.emit(name, (x,), effect)


def pixel_shuffle(tracer: Tracer, name: str, args: Args, kwargs: Kwargs) -> Tensor:
    """Answer pixel_shuffle and pixel_unshuffle: channels become positions, or positions channels."""
    x: Tensor = args[0]
    factor = argument(args, kwargs, 1, "upscale_factor", kwargs.get("downscale_factor"))
    *lead, channels, height, width = x.shape
    window = Window(factor, stride=factor)
    if name == "pixel_shuffle":
        out = (*lead, channels // factor**2, height * factor, width * factor)
    else:
        out = (*lead, channels * factor**2, height // factor, width // factor)
    sight = tracer.mark(x).sight
    if sight:
        shuffle = Field.through_transposed if name == "pixel_shuffle" else through
        sight = refielded(sight, [shuffle(a.field, window) for a in sight], out)
    return tracer.emit(name, (x,), Effect(out, x.dtype, sight))


def shifted(field: Field, places: int) -> Field:
    """Return the field renumbered, so that output 0 is the one that was output `places`."""
    if not places:
        return field
    narrowest = field.narrowest and shifted(field.narrowest, places)
    turned = tuple(field.span(place + places) for place in range(len(field.phases)))
    first = next(s for s in turned if s)[0] if turned else field.start + places * int(field.jump)
    return Field(field.size, field.jump, first, turned, narrowest)


def _sliced(tracer: Tracer, x: Tensor, keys: list[Any], out: Shape) -> Sight | None:
    sight = tracer.mark(x).sight
    if not sight:
        return sight
    where: dict[int, tuple[int | None, int, int]] = {}
    dim = new = 0
    for key in _filled(keys, x.dim()):
        if key is None:
            new += 1
        elif isinstance(key, Tensor):
            if any(axis.dim == dim for axis in sight):
                return None
            dim, new = dim + 1, new + 1
        elif isinstance(key, int):
            where[dim] = (None, key % x.shape[dim], 1)
            dim += 1
        else:
            start, _, step = key.indices(x.shape[dim])
            where[dim] = (new, start, step)
            dim, new = dim + 1, new + 1
    axes = []
    for axis in sight:
        if axis.dim is None:
            axes.append(axis)
            continue
        place, start, step = where[axis.dim]
        if place is None and axis.places != x.shape[axis.dim]:
            # One element of a dimension that the picture's axis was flattened into: its position is not known.
            return None
        field = shifted(axis.field, start)
        field = through(field, Window(1, stride=step)) if step > 1 else field
        places = 1 if place is None else out[place]
        axes.append(axis._replace(field=field, dim=place, places=places))
    return tuple(axes)


def _places(tracer: Tracer, key: Any) -> Any:
    """Return a list or tensor of indices as a tensor on the meta device, any other key as it is."""
    if isinstance(key, list) and all(type(place) is int for place in key):
        return torch.empty(len(key), dtype=torch.int64, device="meta")
    if isinstance(key, Tensor) and key.dim() == 1 and key.dtype != torch.bool:
        return torch.empty(key.shape, dtype=torch.int64, device="meta")
    return key


def _filled(keys: list[Any], rank: int) -> list[Any]:
    """Return the keys with Ellipsis and missing dimensions at the end written as slices."""
    given = sum(k is not None and k is not Ellipsis for k in keys)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    return keys[:at] + [slice(None)] * (rank - given) + keys[at + 1 :]


def _beside(sights: list[Sight | None], shapes: list[Shape], dim: int, out: Shape) -> Sight | None:
    seeing = [s for s in sights if s]
    if any(axis.dim == dim for s in seeing for axis in s):
        # Tokens concatenated with a class token keep their sight; two pieces of a picture do not.
        return seeing[0] if len(seeing) == 1 and None not in sights else None
    return joined(list(zip(sights, shapes, strict=True)), len(out))


def _moved(tracer: Tracer, name: str, x: Tensor, out: Tensor, sight: Sight | None) -> Tensor:
    """Record a view, or a copy where torch had to make one."""
    if out is x:
        return x
    if sight is None and tracer.mark(x).sight:
        tracer.warn(f"The receptive field is not followed past {name} in {tracer.where()}.")
    if x.is_meta and not torch._C._is_alias_of(x, out):  # type: ignore[attr-defined]
        return tracer.emit(name, (x,), Effect(tuple(out.shape), out.dtype, sight))
    tracer.view(name, x, out, [sight])
    return out


def _rest(kwargs: Kwargs) -> Kwargs:
    return {key: value for key, value in kwargs.items() if key != "input"}


_METHODS: dict[str, Any] = {
    name: getattr(Tensor, name)
    for name in names(
        "view reshape flatten unflatten squeeze unsqueeze view_as reshape_as permute transpose movedim "
        "swapaxes t expand expand_as chunk split tensor_split unbind select narrow"
    )
}
