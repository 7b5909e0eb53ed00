"""Receptive fields of tensors, followed through operations, branches and views.

A sight is the receptive field of a tensor's elements: which pixels of the picture they depend on. It has one Axis for
each axis of the picture (height, width). An axis either lies along a dimension of the tensor, and then its field moves
with the position; or it is gathered (`dim` is None): every element sees the same pixels, as after a fully connected
layer. An empty sight depends on no pixel, None is not known. The pixels that only a norm's statistics depend on are
not counted.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from striate.arithmetic.field import Field
from striate.arithmetic.window import Window

Shape = tuple[int, ...]


class Axis(NamedTuple):
    """One axis of the picture as a tensor carries it.

    field: the receptive field along it. dim: the tensor's dimension it lies along; None once gathered.
    places: its positions. extent: pixels of the picture along it. whole: some branch sees all of them.
    """

    field: Field
    dim: int | None
    places: int
    extent: int
    whole: bool = False

    @property
    def size(self) -> int:
        """The pixels seen from the first to the last; the whole axis where a branch gathered it."""
        return self.extent if self.whole else self.field.size

    @property
    def narrowest(self) -> int:
        """The pixels seen along the narrowest branch."""
        return min(self.field.range[0], self.size)


Sight = tuple[Axis, ...]


def of_input(shape: Shape) -> Sight:
    """Return the sight of the picture itself, (B, C, H, W): each pixel sees itself."""
    return tuple(Axis(Field(), dim, shape[dim], shape[dim]) for dim in range(2, len(shape)))


def gather(axis: Axis) -> Axis:
    """Return the axis after an operation that reads every position of it, clipped to the picture."""
    if axis.dim is None:
        return axis
    first, last = _seen(axis.field, axis.places)
    first, last = max(0, first), min(axis.extent - 1, last)
    whole = axis.whole or (first == 0 and last == axis.extent - 1)
    narrow = axis.field.narrowest and Field(min(axis.field.range[0], axis.extent))
    return Axis(Field(last - first + 1, axis.extent, first, (), narrow), None, 1, axis.extent, whole)


def gather_all(sight: Sight | None) -> Sight | None:
    """Return the sight after an operation that reads every element."""
    return sight and tuple(gather(axis) for axis in sight)


def reduced(sight: Sight | None, dims: Sequence[int], rank: int, keep: bool) -> Sight | None:
    """Return the sight after a sum or mean over `dims`."""
    if not sight:
        return sight
    gone = {dim % rank for dim in dims}
    axes = []
    for axis in sight:
        if axis.dim is None:
            axes.append(axis)
        elif axis.dim in gone:
            axes.append(gather(axis))
        else:
            shift = 0 if keep else sum(dim < axis.dim for dim in gone)
            axes.append(axis._replace(dim=axis.dim - shift))
    return tuple(axes)


def permuted(sight: Sight | None, order: Sequence[int]) -> Sight | None:
    """Return the sight after `permute(order)`."""
    if not sight:
        return sight
    place = {dim % len(order): new for new, dim in enumerate(order)}
    return tuple(a if a.dim is None else a._replace(dim=place[a.dim]) for a in sight)


def slid(sight: Sight | None, windows: Sequence[Window], shape: Shape, rank: int) -> Sight | None:
    """Return the sight after windows over the last dimensions of a tensor whose output has `shape`."""
    if not sight:
        return sight
    dims = list(range(rank - len(windows), rank))
    if [axis.dim for axis in sight] != dims:
        return None
    axes: list[Axis] = []
    for axis, window, dim in zip(sight, windows, dims, strict=True):
        field = through(axis.field, window)
        axes.append(Axis(field, dim, shape[dim], axis.extent, axis.whole))
    return tuple(axes)


def refielded(sight: Sight | None, fields: Sequence[Field], shape: Shape) -> Sight | None:
    """Return the sight with new fields along its axes, which lie along dimensions of `shape`."""
    if not sight:
        return sight
    return tuple(
        axis._replace(field=field, places=shape[axis.dim or 0])
        for axis, field in zip(sight, fields, strict=True)
    )


def reshaped(sight: Sight | None, old: Shape, new: Shape) -> Sight | None:
    """Return the sight after a view from `old` to `new`; None where an axis of the picture is split."""
    if not sight or all(axis.dim is None for axis in sight):
        return sight
    where = _homes(old, new)
    axes = []
    for axis in sight:
        home = axis.dim if axis.dim is None else where[axis.dim]
        if home == _CUT:
            return None
        axes.append(axis._replace(dim=home))
    return tuple(axes)


def joined(parts: Sequence[tuple[Sight | None, Shape]], rank: int) -> Sight | None:
    """Return the sight of tensors added, multiplied or concatenated; each part is (sight, shape).

    Shapes are aligned at their ends, as in broadcasting. The result is None where one part's sight is; a part
    with an empty sight (a weight) adds nothing.
    """
    aligned: list[Sight] = []
    for sight, shape in parts:
        if sight is None:
            return None
        if sight:
            shift = rank - len(shape)
            if shift:
                sight = tuple(a if a.dim is None else a._replace(dim=a.dim + shift) for a in sight)
            if not aligned or sight is not aligned[-1]:
                aligned.append(sight)
    if len(aligned) < 2:
        return aligned[0] if aligned else ()
    if any(len(sight) != len(aligned[0]) for sight in aligned):
        return None
    axes = [_joined_axis(branches) for branches in zip(*aligned, strict=True)]
    return None if None in axes else tuple(axis for axis in axes if axis)


@lru_cache(maxsize=4096)
def through(field: Field, window: Window) -> Field:
    """Return the field after a window, cached since networks repeat their layers."""
    return field.through(window)


_CUT = -2


def _homes(old: Shape, new: Shape) -> dict[int, int]:
    """Return for each old dimension the new one it lies in, _CUT where it is split over several."""
    homes = dict.fromkeys(range(len(old)), len(new) - 1)
    i = j = 0
    while i < len(old) and j < len(new):
        left, right, a, b = i, j, old[i], new[j]
        i, j = i + 1, j + 1
        while a != b:
            if a < b:
                a, i = a * old[i], i + 1
            else:
                b, j = b * new[j], j + 1
        wide = [dim for dim in range(right, j) if new[dim] > 1]
        home = _CUT if len(wide) > 1 else wide[0] if wide else right
        homes.update(dict.fromkeys(range(left, i), home))
    return homes


def _joined_axis(branches: Sequence[Axis]) -> Axis | None:
    """Return one axis of several branches joined, or None where they lie along different dimensions."""
    first = branches[0]
    moving = [axis for axis in branches if axis.dim is not None and axis.places > 1]
    still = [axis for axis in branches if axis.dim is None or axis.places == 1]
    whole = any(axis.whole for axis in branches)
    if moving:
        first = moving[0]
        if any((a.dim, a.places) != (first.dim, first.places) for a in moving):
            return None
        if not all(gather(axis).whole for axis in still):
            return None
        whole = whole or bool(still)
    elif any(axis.dim != first.dim for axis in still):
        first = first._replace(dim=next(axis.dim for axis in still if axis.dim is not None))
    fields = [axis.field for axis in (moving or still)]
    if len({field.jump for field in fields}) > 1 and first.places > 1:
        return None
    return first._replace(field=_merged(fields), whole=whole)


def _merged(fields: Sequence[Field]) -> Field:
    """Return the field that covers those of several branches, with the narrowest branch kept."""
    if all(field == fields[0] for field in fields[1:]):
        return fields[0]
    jump = fields[0].jump
    if any(field.phases for field in fields):
        return fields[0].merge(*(field for field in fields[1:] if field.jump == jump))
    start = min(field.start for field in fields)
    size = max(field.start + field.size for field in fields) - start
    narrow = min((field.narrowest or field for field in fields), key=lambda field: field.size)
    return Field(size, jump, start, (), None if narrow.size == size else narrow)


def _seen(field: Field, places: int) -> tuple[int, int]:
    """Return the first and last pixel that any of `places` places sees."""
    visited = range(places) if field.phases else (0, places - 1)
    spans = [span for place in visited if (span := field.span(place))]
    return min(span[0] for span in spans), max(span[1] for span in spans)
