"""Turns the operations of a trace into the rows of the table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from striate.tracing.notes import Notes
from striate.tracing.parts import Parts
from striate.tracing.record import Call, Op
from striate.tracing.sight import Sight
from striate.tracing.table import Layer, Pixels, Steps


@dataclass(slots=True)
class FirstUse:
    """How many parameters, by role, and buffer elements a row is the first to use."""

    weight: int = 0
    bias: int = 0
    norm: int = 0
    frozen: int = 0
    buffers: int = 0

    @property
    def params(self) -> int:
        """All parameters."""
        return self.weight + self.bias + self.norm


@dataclass(slots=True)
class Owners:
    """Which parameters and buffers have been counted, and where: each is counted once.

    names: id of a parameter -> its name in the module. first: id -> path of the row that counted it.
    """

    names: dict[int, str]
    first: dict[int, str] = field(default_factory=dict)
    visited: set[int] = field(default_factory=set)

    def claim(self, ops: Sequence[Op]) -> tuple[FirstUse, list[str]]:
        """Count what a row is the first to use; return that, and the paths of rows with which it shares the others."""
        share, shared = FirstUse(), []
        path = ops[0].call.path
        for parameter, role in (claim for op in ops for claim in op.claims):
            key = id(parameter)
            if key not in self.names:
                continue
            if key in self.first:
                shared.append(self.first[key])
                continue
            self.first[key] = path
            count = parameter.numel()
            part = role or ("bias" if "bias" in self.names[key].rsplit(".", 1)[-1] else "weight")
            setattr(share, part, getattr(share, part) + count)
            share.frozen += 0 if parameter.requires_grad else count
        share.buffers = sum(self._buffers(op) for op in ops)
        return share, list(dict.fromkeys(shared))

    def _buffers(self, op: Op) -> int:
        """Count the buffer elements, not counted yet, of an operation's module and of the modules around it."""
        count = 0
        call: Call | None = op.call
        while call is not None and id(call.module) not in self.visited:
            self.visited.add(id(call.module))
            for buffer in call.module._buffers.values():
                if buffer is not None and id(buffer) not in self.visited:
                    self.visited.add(id(buffer))
                    count += buffer.numel()
            call = call.parent
        return count


def owners(parts: Parts) -> Owners:
    """Return an Owners of a module, with nothing counted yet."""
    return Owners({id(p): name for name, p in parts.parameters.items()})


def rows(ops: Sequence[Op], account: Owners, notes: Notes, seconds: Sequence[float] = ()) -> list[Layer]:
    """Return the rows of a trace, in order."""
    layers: list[Layer] = []
    row_of: dict[int, int] = {-1: -1}
    number = 0
    for group in grouped(ops):
        row_of.update((at, len(layers)) for at in range(number, number + len(group)))
        share, shared = account.claim(group)
        inputs = {row_of[at] for op in group for at in op.inputs} - {len(layers)}
        time = sum(seconds[number : number + len(group)]) if seconds else None
        layers.append(
            _layer(group, share, notes.of(group, share.weight, shared), tuple(sorted(inputs)), time)
        )
        number += len(group)
    return layers


def grouped(ops: Sequence[Op]) -> Iterator[list[Op]]:
    """Yield the operations of each row: one call of a module without submodules is a row.

    If it slides several windows or has several matrix products, it is a network written with functions, and each of its
    operations is a row; so is each operation of a module with submodules.
    """
    group: list[Op] = []
    for op in ops:
        if group and (op.call is not group[-1].call or not op.call.leaf):
            yield from _settled(group)
            group = []
        group.append(op)
    if group:
        yield from _settled(group)


def _settled(group: list[Op]) -> Iterator[list[Op]]:
    weighty = sum(bool(op.windows) or op.macs != 0 for op in group)
    if weighty > 1:
        yield from ([op] for op in group)
    else:
        yield group


def _layer(
    group: list[Op], share: FirstUse, notes: tuple[str, ...], inputs: tuple[int, ...], seconds: float | None
) -> Layer:
    last = group[-1]
    kind = type(last.call.module).__name__
    macs = None if any(op.macs is None for op in group) else sum(op.macs or 0 for op in group)
    sizes, narrow, jump, start = _seen(last.sight)
    windows = next((op.windows for op in group if op.windows), ())
    return Layer(
        path=last.call.path,
        op=last.name if len(group) == 1 else kind,
        kind=kind,
        output=last.shape[1:],
        params=share.params,
        macs=macs,
        kernel=tuple(w.kernel for w in windows) or None,
        stride=tuple(w.stride for w in windows) or None,
        receptive_field=sizes,
        receptive_field_min=narrow,
        jump=jump,
        start=start,
        activation_bytes=sum(op.written for op in group),
        notes=notes,
        weight=share.weight,
        bias=share.bias,
        norm=share.norm,
        frozen=share.frozen,
        buffers=share.buffers,
        inputs=inputs,
        seconds=seconds,
    )


def _seen(sight: Sight | None) -> tuple[Pixels | None, Pixels | None, Steps | None, Pixels | None]:
    if not sight:
        return None, None, None, None
    sizes = tuple(axis.size for axis in sight)
    narrow = tuple(axis.narrowest for axis in sight)
    jump = tuple(axis.field.jump for axis in sight) if all(a.dim is not None for a in sight) else None
    start = tuple(0 if axis.whole else axis.field.start for axis in sight)
    return sizes, None if narrow == sizes else narrow, jump, start
