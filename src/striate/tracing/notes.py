"""Remarks on the rows: pixels dropped, biases without effect, shifts, feature maps too small, heavy layers."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod

from striate.arithmetic.window import Window
from striate.tracing.record import Op

# Norms that subtract the mean of each channel, and with it any bias added just before.
_CHANNEL_NORMS = ("batch_norm", "instance_norm")
_HEAVY = 0.5
_AXES = {1: ("pixel",), 2: ("row", "column"), 3: ("slice", "row", "column")}


class Notes:
    """Writes the remarks on the rows of one trace."""

    def __init__(self, ops: Sequence[Op], parameters: int) -> None:
        self.ops = ops
        self.parameters = parameters
        self._numbers = {id(op): number for number, op in enumerate(ops)}
        self._readers: dict[int, list[Op]] = {}
        for op in ops:
            for producer in op.inputs:
                self._readers.setdefault(producer, []).append(op)
        self._last_map = self._find_last_map()

    def of(self, group: Sequence[Op], weight: int, shared: Sequence[str]) -> tuple[str, ...]:
        """Return the remarks on a row with `weight` weights of its own, which shares others with the rows `shared`."""
        found = [note for op in group for note in self._on(op)]
        if weight > _HEAVY * self.parameters and any(op.name == "linear" for op in group):
            found.append(f"holds {weight / self.parameters:.0%} of all parameters")
        path = group[0].call.path
        if shared:
            others = [other for other in shared if other != path]
            found.append(
                f"shares its parameters with {', '.join(others)}"
                if others
                else "called again, same parameters"
            )
        return tuple(found)

    def _on(self, op: Op) -> list[str]:
        found = []
        if op.windows:
            found += _window_notes(
                op.windows, op.window_input[-len(op.windows) :], op.ceil, op.name.startswith("conv")
            )
        if self._bias_is_removed(op):
            found.append("the bias has no effect: the norm after it subtracts it again")
        if op is self._last_map and op.sight:
            short = [(axis.size, axis.extent) for axis in op.sight if axis.size < axis.extent]
            if short:
                seen, all_of = short[0]
                found.append(
                    f"the last map: each place sees {seen} of {all_of} pixels, short of the whole image"
                )
        return found

    def _bias_is_removed(self, op: Op) -> bool:
        if not any(role == "bias" for _, role in op.claims):
            return False
        readers = self._readers.get(self._numbers[id(op)], [])
        if op.name == "linear" and len(op.shape) != 2:
            return False
        return len(readers) == 1 and readers[0].name in _CHANNEL_NORMS

    def _find_last_map(self) -> Op | None:
        """Return the last operation with a window whose output has more than one position."""
        sliding = [op for op in self.ops if op.windows and op.sight and prod(op.shape[2:]) > 1]
        return sliding[-1] if sliding else None


@lru_cache(maxsize=1024)
def _window_notes(
    windows: tuple[Window, ...], sizes: tuple[int, ...], ceil: bool, learned: bool
) -> list[str]:
    names = _AXES[len(windows)]
    found = []
    gaps = [w.stride > w.reach for w in windows]
    if any(gaps):
        seen = prod(min(w.kernel, w.stride) for w in windows)
        found.append(
            f"reads {seen} of every {prod(w.stride for w in windows)} pixels: its stride exceeds its kernel"
        )
    else:
        lost = [w.dropped(n, ceil=ceil) for w, n in zip(windows, sizes, strict=True)]
        if any(lost):
            parts = [f"{n} {name}{'s' * (n > 1)}" for n, name in zip(lost, names, strict=True) if n]
            stride = _listed([w.stride for w in windows])
            found.append(f"drops the last {' and '.join(parts)}: stride {stride} does not fit")
    if any(w.stride == 1 and w.reach % 2 == 0 for w in windows):
        found.append("an even kernel shifts the map by half a pixel")
    kernel = prod(w.kernel for w in windows)
    if learned and kernel > 1 and all(n == 1 for n in sizes):
        found.append(
            f"the map is {'x'.join('1' * len(sizes))}: 1 of {kernel} taps meets a pixel, the others padding"
        )
    return found


def _listed(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(set(numbers)) == 1 else "x".join(map(str, numbers))
