"""The trace itself: every torch function a module calls is answered with a meta tensor of its result's shape.

A TorchFunctionMode sees each call before any kernel does. Functions with a rule (striate.tracing.rules.dispatch) are
answered by exact arithmetic on shapes, some fifty times faster than torch's own meta kernels, and without
moving the module's weights anywhere: a rule only reads their shapes. A function without a rule runs on meta
tensors under a dispatch mode that counts its multiply-adds (striate.tracing.fallback).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

from striate.arithmetic.window import Window
from striate.errors import UsageError
from striate.tracing import fallback
from striate.tracing.record import Call, Claim, LiveBytes, Mark, Op, Storage
from striate.tracing.sight import Shape, Sight, of_input
from striate.tracing.user_line import user_line

# The picture is the first tensor of a trace, and so has the first storage.
PICTURE = 0

Kwargs = dict[str, Any]
Rule = Callable[["Tracer", str, tuple[Any, ...], Kwargs], Any]


@dataclass(slots=True)
class Effect:
    """What an operation does, as its rule worked it out.

    saves: tensors kept for the backward pass. extra_saved: bytes kept that are no tensor of the trace.
    roles: inputs with the role of the parameters they come from: weight, bias or norm.
    """

    shape: Shape
    dtype: torch.dtype
    sight: Sight | None
    macs: int | None = 0
    windows: tuple[Window, ...] = ()
    ceil: bool = False
    saves: Sequence[Tensor] = ()
    saves_output: bool = False
    extra_saved: int = 0
    roles: Sequence[tuple[Tensor | None, str]] = ()


class Tracer(TorchFunctionMode):
    """Records the operations of one forward pass; `rules` maps torch functions to rules and names."""

    def __init__(self, rules: dict[Any, tuple[Rule, str]], plain: frozenset[Any]) -> None:
        super().__init__()
        self.rules = rules
        self.plain = plain
        self.ops: list[Op] = []
        self.ledger = LiveBytes()
        self.stack: list[Call] = []
        self.warnings: dict[str, None] = {}
        self.registered: set[int] = set()
        self._given: dict[int, tuple[Tensor, Mark]] = {}
        self._any_real = False
        self.calls = 0
        self.picture_bytes = 0

    def picture(self, shape: Shape, dtype: torch.dtype) -> Tensor:
        """Return the traced input of a module: a meta tensor with its sight."""
        tensor = torch.empty(shape, dtype=dtype, device="meta")
        mark = Mark(Storage(prod(shape) * dtype.itemsize, self.ledger), of_input(shape))
        mark.data = True
        tensor._striate = mark  # type: ignore[attr-defined]
        self.picture_bytes = tensor.nbytes
        return tensor

    def mark(self, tensor: Tensor) -> Mark:
        """Return what is known of a tensor; one the trace did not make belongs to the module."""
        mark = getattr(tensor, "_striate", None)
        if mark is not None and (mark.storage is None or mark.storage.ledger is self.ledger):
            return mark
        known = self._given.get(id(tensor))
        if known is not None:
            return known[1]
        mark = Mark()
        if isinstance(tensor, nn.Parameter):
            mark.params = (tensor,)
            mark.grad = tensor.requires_grad
            if id(tensor) not in self.registered:
                self.warn(
                    f"{self.where()} uses a parameter of shape {tuple(tensor.shape)} that is not the "
                    f"module's: is it in a plain list? It is not in the totals."
                )
        self._given[id(tensor)] = (tensor, mark)
        return mark

    def warn(self, text: str) -> None:
        """Keep one warning, once."""
        self.warnings[text] = None

    def where(self) -> str:
        """Return the path of the module now running, or the class of the whole."""
        call = self.stack[-1]
        return call.path or type(call.module).__name__

    def emit(self, name: str, inputs: Sequence[Any], effect: Effect, *, into: Tensor | None = None) -> Tensor:
        """Record one operation and return its output; `into` is the tensor it overwrites."""
        tensors = [t for t in inputs if isinstance(t, Tensor)]
        marks = [self.mark(t) for t in tensors]
        data, grad, read = False, False, 0
        for tensor, mark in zip(tensors, marks, strict=True):
            data, grad = data or mark.data, grad or mark.grad
            read += tensor.nbytes
        written = 0
        if into is None:
            out = torch.empty(effect.shape, dtype=effect.dtype, device="meta")
            written = prod(effect.shape) * effect.dtype.itemsize
            result = Mark(Storage(written, self.ledger), effect.sight)
            out._striate = result  # type: ignore[attr-defined]
        else:
            out, result = into, self.mark(into)
            result.sight, result.real, result.stale = effect.sight, False, True
        result.data, result.grad = data, grad
        if not data:
            result.params = _params(marks)
            if not effect.macs:
                return out
        op = self._record(name, tensors, marks, effect, result)
        op.written, op.read = written, read
        if grad:
            op.saved = self._saved(effect, result)
        return out

    def view(self, name: str, source: Tensor, out: Any, sights: Sequence[Sight | None]) -> Any:
        """Record a view: `out` is one tensor or several that share the memory of `source`."""
        mark = self.mark(source)
        outs = (out,) if isinstance(out, Tensor) else out
        for tensor, sight in zip(outs, sights, strict=True):
            new = Mark(mark.storage, sight)
            new.data, new.params, new.grad, new.real = mark.data, mark.params, mark.grad, mark.real
            new.producer = mark.producer
            tensor._striate = new
        if mark.data and outs:
            effect = Effect(tuple(outs[0].shape), outs[0].dtype, sights[0])
            self._record(name, [source], [mark], effect, self.mark(outs[0]))
            for tensor in outs:
                self.mark(tensor).producer = len(self.ops) - 1
        return out

    def quiet(self, source: Tensor, out: Tensor) -> Tensor:
        """Give `out`, the same values as `source`, the mark of `source` without recording anything."""
        if out is not source:
            out._striate = self.mark(source)  # type: ignore[attr-defined]
        return out

    def fail(self, text: str) -> UsageError:
        """Return the error for an operation that is not possible, which names the module it is in."""
        call = self.stack[-1]
        return UsageError(f"{self.where()} ({type(call.module).__name__}): {text}")

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Kwargs | None = None
    ) -> Any:
        """Answer one call of torch from inside the module."""
        kwargs = kwargs or {}
        if self._any_real and self._all_real(args, kwargs):
            return self.run_real(func, args, kwargs)
        entry = self.rules.get(func)
        if entry is not None:
            return entry[0](self, entry[1], args, kwargs)
        if func in self.plain:
            return func(*args, **kwargs)
        return self.unruled(func, args, kwargs)

    def unruled(self, func: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        """Run a function that has no rule on meta tensors, and record what is known of it."""
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if not tensors:
            return self.run_real(func, args, kwargs)
        name = fallback.name_of(func)
        if name in fallback.VALUES:
            return self._values(name, func, args, kwargs)
        twins = {id(t): t if t.is_meta else torch.empty_like(t, device="meta") for t in tensors}
        run = fallback.run(self, func, tree_map_only(Tensor, lambda t: twins[id(t)], (args, kwargs)))
        back = {id(twins[id(t)]): t for t in tensors}
        out = tree_map_only(Tensor, lambda t: back.get(id(t), t), run.out)
        self._mark_unruled(name, tensors, [t for t in tree_leaves(out) if isinstance(t, Tensor)], run.macs)
        return out

    def _mark_unruled(self, name: str, tensors: list[Tensor], outs: list[Tensor], macs: int | None) -> None:
        marks = [self.mark(t) for t in tensors]
        fresh = 0
        for out in outs:
            mark = next((m for t, m in zip(tensors, marks, strict=True) if fallback.shares(t, out)), None)
            size = out.numel() * out.element_size()
            new = Mark(mark.storage if mark else Storage(size, self.ledger))
            fresh += 0 if mark else size
            new.data = any(m.data for m in marks)
            new.grad = any(m.grad for m in marks)
            new.params = () if new.data else _params(marks)
            new.sight = self._lost(name, marks) if new.data else ()
            if any(out is t for t in tensors):
                self._overwrite(out, new)
            else:
                out._striate = new  # type: ignore[attr-defined]
        if outs and (self.mark(outs[0]).data or macs):
            result = self.mark(outs[0])
            effect = Effect(tuple(outs[0].shape), outs[0].dtype, result.sight, macs)
            op = self._record(name, tensors, marks, effect, result)
            op.written, op.read = fresh, sum(t.numel() * t.element_size() for t in tensors) if fresh else 0
            for out in outs:
                self.mark(out).producer = result.producer
            if result.grad and fresh:
                op.saved = {m.storage.number: m.storage.bytes for m in marks if m.storage}

    def _lost(self, name: str, marks: list[Mark]) -> Sight | None:
        """Return the sight after an operation without a rule: empty where all inputs' are, else None."""
        if any(m.sight for m in marks):
            self.warn(f"The receptive field is not followed past {name} in {self.where()}.")
            return None
        return () if all(m.sight is not None for m in marks) else None

    def _overwrite(self, tensor: Tensor, new: Mark) -> None:
        mark = self.mark(tensor)
        mark.data, mark.grad, mark.params, mark.sight = new.data, new.grad, new.params, new.sight
        mark.real, mark.stale = False, True

    def _all_real(self, args: tuple[Any, ...], kwargs: Kwargs) -> bool:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        return bool(tensors) and all(self.mark(t).real for t in tensors)

    def holds(self, tensor: Tensor) -> bool:
        """Return whether a tensor is a single number of the module's own that can simply be read."""
        mark = self.mark(tensor)
        return tensor.numel() == 1 and not (tensor.is_meta or mark.data or mark.stale)

    def run_real(self, func: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        """Run a function of no tensors, of tensors the trace itself made (an arange), or of single numbers."""
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        made_of = [self.mark(tensor) for tensor in given]
        out = func(*args, **kwargs)
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor) and not any(leaf is tensor for tensor in given):
                mark = Mark(Storage(leaf.nbytes, self.ledger))
                mark.real = not leaf.is_meta
                mark.params, mark.grad = _params(made_of), any(m.grad for m in made_of)
                self._any_real |= mark.real
                leaf._striate = mark  # type: ignore[attr-defined]
        return out

    def _values(self, name: str, func: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
        """Answer a question about a tensor's values: the module's own can be read, the picture's cannot."""
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(t.is_meta or self.mark(t).data or self.mark(t).stale for t in tensors):
            raise self.fail(
                f"asks for the values of a tensor ({name}), and a trace has shapes only. "
                f"{user_line()}Let the path through the network depend on shapes, not on values."
            )
        return self.run_real(func, args, kwargs)

    def _saved(self, effect: Effect, result: Mark) -> dict[int, int]:
        kept = [m.storage for t in effect.saves if (m := self.mark(t)).storage]
        if effect.saves_output and result.storage:
            kept.append(result.storage)
        saved = {storage.number: storage.bytes for storage in kept}
        if effect.extra_saved:
            saved[-1 - len(self.ops)] = effect.extra_saved
        return saved

    def _record(
        self, name: str, tensors: list[Tensor], marks: list[Mark], effect: Effect, result: Mark
    ) -> Op:
        inputs = tuple(m.producer for m in marks if m.data)
        result.producer = len(self.ops)
        op = Op(name, self.stack[-1], (), effect.shape, effect.dtype.itemsize, effect.sight, effect.macs)
        op.inputs = inputs
        op.storage = result.storage.number if result.storage else -1
        op.grad = result.grad
        if effect.windows:
            op.windows, op.ceil, op.window_input = effect.windows, effect.ceil, tuple(tensors[0].shape)
        roles = {id(t): role for t, role in effect.roles}
        op.claims = tuple(
            [Claim(p, roles.get(id(t), "")) for t, m in zip(tensors, marks, strict=True) for p in m.params]
        )
        self.ops.append(op)
        return op


def _params(marks: list[Mark]) -> tuple[nn.Parameter, ...]:
    """Return the parameters that went into several tensors, each once."""
    return tuple({id(p): p for m in marks for p in m.params}.values())
