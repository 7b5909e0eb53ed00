"""`striate.summary`: the table of any network, from its shapes alone."""

import gc
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from rich.text import Text
from torch import nn

from striate.arithmetic.roofline import Machine
from striate.errors import UsageError
from striate.tracing.hooks import visiting
from striate.tracing.layers import Owners, owners, rows
from striate.tracing.machine import least_seconds, measured
from striate.tracing.memory import backward_peak, saved_bytes
from striate.tracing.meta import hollow, materialised
from striate.tracing.notes import Notes
from striate.tracing.parts import Parts, taken_apart
from striate.tracing.record import Op
from striate.tracing.rules.dispatch import PLAIN, TABLE
from striate.tracing.rules.sliding import TooSmallError
from striate.tracing.sight import Shape
from striate.tracing.table import Layer, Table, Total
from striate.tracing.tracer import PICTURE, Tracer
from striate.tracing.user_line import line_of
from striate.tracing.views import drawing, html, text

_LARGEST_PICTURE = 4096
# The tensors for each trained parameter: its gradient and one momentum.
_PER_TRAINED = 2


@dataclass(frozen=True)
class Summary(Table):
    """A network's table, ready to be read: as text, HTML, JSON (`to_dict`) or a drawing."""

    def __str__(self) -> str:
        return text.rendered(self)

    def __rich__(self) -> Text:
        return text.styled(self)

    def text(self, *, depth: int | None = None) -> str:
        """Return the table as text; rows deeper than `depth` modules are summed in the module around them."""
        return text.rendered(self, depth=depth)

    def html(self) -> str:
        """Return a page with the drawing and the table that opens from disk and needs nothing else."""
        return html.page(self)

    def svg(self) -> str:
        """Return the network as an SVG drawing, its boxes sized by their tensors."""
        return drawing.svg(self)

    def _repr_html_(self) -> str:
        return html.fragment(self)


def summary(
    module: nn.Module | Callable[[], nn.Module],
    input: Sequence[int] = (3, 224, 224),
    *,
    batch: int = 1,
    name: str | None = None,
    time: bool = False,
) -> Summary:
    """Return shapes, parameters, multiply-adds, receptive fields and memory of any module, layer by layer.

    `input` is the shape of one picture, (C, H, W). A class or function that builds the module may be given in
    its place: it is then built without memory for its weights. The module is run once on shapes alone, as in
    inference, and once more as in training where that may differ; no arithmetic is done, and it is left as it
    was. `time` adds the least time of the pass on this machine, from its peak and bandwidth, measured once.
    Raises UsageError where the module cannot take the picture, or branches on values.
    """
    shape = _checked(input, batch)
    with torch.no_grad(), _undisturbed():
        net = materialised(_built(module), shape)
        _check_forward(net)
        parts = taken_apart(net)
        title = name or type(net).__name__
        machine = measured() if time else None
        try:
            traces = _traces(parts, shape)
        except TooSmallError as error:
            raise TooSmallError(f"{error}{_smallest(parts, shape)}") from error
        return _summarised(parts, title, shape, traces, machine)


def _traces(parts: Parts, shape: Shape) -> tuple[Tracer, Tracer | None]:
    """Return the trace in inference, and the one in training where the two may differ."""
    inference = _trace(parts, shape, training=False)
    used = {id(claim.parameter) for op in inference.ops for claim in op.claims}
    skipped = any("dropout" in op.name for op in inference.ops)
    if not skipped and all(id(p) in used for p in parts.parameters.values()):
        return inference, None
    try:
        return inference, _trace(parts, shape, training=True)
    except UsageError as error:
        inference.warn(f"In training mode the network cannot be traced: {error}")
        return inference, None


def _trace(parts: Parts, shape: Shape, *, training: bool) -> Tracer:
    tracer = Tracer(TABLE, PLAIN)
    dtype = next((p.dtype for p in parts.parameters.values() if p.is_floating_point()), torch.float32)
    picture = tracer.picture(shape, dtype)
    with visiting(parts, tracer, training=training):
        try:
            with tracer:
                parts.net(picture)
        except UsageError:
            raise
        except Exception as error:
            failed = f"{type(error).__name__}: {error}".splitlines()[0]
            raise tracer.fail(f"{failed}. {line_of(error)}".rstrip()) from error
    return tracer


def _summarised(
    parts: Parts, name: str, shape: Shape, traces: tuple[Tracer, Tracer | None], machine: Machine | None
) -> Summary:
    inference, training = traces
    parameters = {id(p): p for p in parts.parameters.values()}
    claimed = {id(claim.parameter) for op in inference.ops for claim in op.claims}
    late = (
        {id(claim.parameter) for op in training.ops for claim in op.claims} - claimed if training else set()
    )
    train_only = sum(parameters[key].numel() for key in late & parameters.keys())
    count = sum(p.numel() for p in parameters.values())
    account = owners(parts)
    seconds = [least_seconds(op, machine) for op in inference.ops] if machine else []
    layers = rows(inference.ops, account, Notes(inference.ops, count - train_only), seconds)
    warnings = [*inference.warnings]
    if training:
        layers += _train_only_rows(training.ops, layers, account)
        warnings += [w for w in training.warnings if w not in inference.warnings]
    unused = [n for n, p in parts.parameters.items() if id(p) not in claimed | late]
    if unused:
        listed = ", ".join(unused[:3]) + (f" and {len(unused) - 3} more" if len(unused) > 3 else "")
        warnings.append(f"No operation uses {listed}.")
    total = _total(parts, (inference, training or inference), layers, late, seconds)
    return Summary(name, shape[1:], shape[0], tuple(layers), total, tuple(warnings))


def _total(
    parts: Parts, traces: tuple[Tracer, Tracer], layers: list[Layer], late: set[int], seconds: list[float]
) -> Total:
    inference, training = traces
    parameters = list(parts.parameters.values())
    kept = [p for p in parameters if id(p) not in late]
    buffer_bytes = sum(b.nbytes for b in parts.buffers.values())
    trained = sum(p.nbytes for p in parameters if p.requires_grad)
    weight_bytes = sum(p.nbytes for p in kept) + buffer_bytes
    picture = PICTURE
    macs = sum(layer.macs or 0 for layer in layers if not layer.train_only)
    moved = sum(op.read + op.written for op in inference.ops)
    claimed = {id(claim.parameter) for trace in traces for op in trace.ops for claim in op.claims}
    return Total(
        params=sum(p.numel() for p in kept),
        trainable=sum(p.numel() for p in kept if p.requires_grad),
        train_only=sum(p.numel() for p in parameters if id(p) in late),
        unused=sum(p.numel() for p in parameters if id(p) not in claimed),
        buffers=sum(b.numel() for b in parts.buffers.values()),
        macs=macs,
        activation_bytes=sum(layer.activation_bytes for layer in layers if not layer.train_only),
        weight_bytes=weight_bytes,
        saved_bytes=saved_bytes(training.ops, picture),
        inference_bytes=weight_bytes + inference.ledger.peak,
        training_bytes=sum(p.nbytes for p in parameters)
        + buffer_bytes
        + _PER_TRAINED * trained
        + training.picture_bytes
        + backward_peak(training.ops, picture),
        intensity=round(2 * macs / moved, 2) if moved else 0.0,
        seconds=sum(seconds) if seconds else None,
    )


def _train_only_rows(ops: list[Op], layers: list[Layer], account: Owners) -> list[Layer]:
    """Return the rows of the training pass that inference does not have, with inputs numbered in both together."""
    paths = {layer.path for layer in layers}
    every = rows(ops, account, Notes(ops, sum(layer.params for layer in layers)))
    place = {layer.path: number for number, layer in enumerate(layers)}
    moved: dict[int, int] = {}
    added: list[Layer] = []
    for number, row in enumerate(every):
        if row.path not in paths or row.params:
            moved[number] = len(layers) + len(added)
            inputs = tuple(moved.get(n, place.get(every[n].path, -1)) if n >= 0 else -1 for n in row.inputs)
            added.append(replace(row, train_only=True, inputs=inputs))
    return added


def _smallest(parts: Parts, shape: Shape) -> str:
    """Return a sentence with the smallest square picture whose maps stay as large as their windows."""

    def fits(size: int) -> bool:
        try:
            _trace(parts, (*shape[:2], *[size] * len(shape[2:])), training=False)
        except TooSmallError:
            return False
        except UsageError:
            return True
        return True

    low, high = max(shape[2:]), 2 * max(shape[2:])
    while not fits(high):
        low, high = high, 2 * high
        if high > _LARGEST_PICTURE:
            return ""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return (
        f" The smallest picture this network can take is {shape[1]}x{'x'.join([str(high)] * len(shape[2:]))}."
    )


def _checked(input: Sequence[int], batch: int) -> Shape:
    sizes = tuple(input)
    if not sizes or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise UsageError(
            f"input is the shape of one picture, (channels, height, width), in whole numbers; got {input!r}."
        )
    if batch < 1:
        raise UsageError(f"batch is a whole number of at least 1; got {batch}.")
    return (batch, *sizes)


def _built(module: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    built = module if isinstance(module, nn.Module) else hollow(module)
    if isinstance(built, nn.DataParallel):
        built = built.module
    # torch.compile keeps the original module here.
    built = getattr(built, "_orig_mod", built)
    if not isinstance(built, nn.Module):
        raise UsageError(f"summary takes a torch.nn.Module, or what builds one; got {type(built).__name__}.")
    return built


def _check_forward(net: nn.Module) -> None:
    try:
        signature = inspect.signature(net.forward)
    except (TypeError, ValueError):
        return
    wanted = [
        p.name
        for p in signature.parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if len(wanted) > 1 or not signature.parameters:
        kind = type(net).__name__
        raise UsageError(
            f"{kind}.forward takes {len(wanted)} inputs ({', '.join(wanted)}), and a summary gives it one "
            f"picture. Wrap it in a module whose forward takes the picture alone and makes the others."
        )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Disable the cyclic garbage collector: a trace makes many small objects, and torch's heap is large."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
