"""Turns the rows of a table into the boxes of a drawing.

The trunk is the rows that every path through the network passes. A box is a trunk row that makes a new map or
vector, or a block: all rows between two trunk rows, drawn by its output. Elementwise rows are part of the box
before them. Equal boxes in a row are one box, repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from striate.tracing.table import Layer, Table

_FEWEST = 3
_SLIDES = ("conv", "pool", "interpolate", "pixel_shuffle")


@dataclass(frozen=True, slots=True)
class Box:
    """One thing to draw. kind: input, conv, pool, dense (a fully connected layer), other, or block.

    shape: (C, H, W) of a map or (features,) of a vector. joins: "add" or "cat" where a block's branches meet;
    parts: channels each branch brings to a concatenation. repeats: how many equal boxes follow each other.
    rows: the rows inside. branches: boxes that hang below it and run in training only.
    """

    kind: str
    title: str
    path: str
    shape: tuple[int, ...]
    rows: tuple[int, ...] = ()
    joins: str = ""
    parts: tuple[int, ...] = ()
    repeats: int = 1
    branches: tuple["Box", ...] = ()


def boxes(table: Table) -> list[Box]:
    """Return the boxes of a network, the picture first."""
    layers = [layer for layer in table.layers if not layer.train_only]
    trunk = _trunk(layers)
    found = [Box("input", table.name, "", table.input)]
    pending: list[int] = []
    for number, layer in enumerate(layers):
        if not trunk[number]:
            pending.append(number)
            continue
        box = _block(layers, [*pending, number]) if pending else _single(layer, number)
        box = box or _other(layer, number, found[-1].shape)
        pending = []
        if box is not None:
            found.append(box)
        else:
            found[-1] = replace(found[-1], rows=(*found[-1].rows, number))
    if len(found) - 1 < _FEWEST and len([x for x in layers if x.macs]) > _FEWEST:
        singles = (_single(layer, number) for number, layer in enumerate(layers))
        found = [found[0], *(box for box in singles if box)]
    return _hung(_repeated(found), table.layers)


def _trunk(layers: Sequence[Layer]) -> list[bool]:
    """Return for each row whether every path passes it: whether no connection skips it."""
    passing = [0] * (len(layers) + 1)
    for number, layer in enumerate(layers):
        for source in layer.inputs:
            if number - source > 1:
                passing[source + 1] += 1
                passing[number] -= 1
    trunk, open_now = [], 0
    for number in range(len(layers)):
        open_now += passing[number]
        trunk.append(open_now == 0)
    return trunk


def _single(layer: Layer, number: int) -> Box | None:
    if "conv" in layer.op or (layer.macs and len(layer.output) > 1):
        kind = "conv"
    elif layer.kernel or any(word in layer.op for word in _SLIDES) or layer.op in ("mean", "amax"):
        kind = "pool"
    elif layer.macs:
        kind = "dense"
    else:
        return None
    return Box(kind, _title(layer), layer.path, _shape(layer), (number,))


def _other(layer: Layer, number: int, before: tuple[int, ...]) -> Box | None:
    """Return a box for what changes the shape by itself; a flattened map is drawn as the map it was."""
    shape = _shape(layer)
    if shape == before or len(shape) != len(before) or layer.op == "pad":
        return None
    return Box("other", _title(layer), layer.path, shape, (number,))


def _title(layer: Layer) -> str:
    """Return the operation in words: conv 7x7/2, max pool 3x3/2, global average pool."""
    if layer.op.startswith("adaptive") or layer.op == "mean":
        place = "global " if all(n == 1 for n in layer.output[1:]) else ""
        return f"{place}{'max' if 'max' in layer.op else 'avg'} pool"
    words = layer.title.replace("_", " ")
    for axes in ("1d", "2d", "3d"):
        words = words.replace(axes, "")
    return words


def _block(layers: Sequence[Layer], rows: list[int]) -> Box | None:
    """Return the block that ends in its last row; None where nothing in it is worth a box."""
    last = layers[rows[-1]]
    if not any(_single(layers[row], row) for row in rows):
        return None
    joins = last.op if last.op in ("add", "cat") else ""
    parts: tuple[int, ...] = ()
    if joins == "cat":
        parts = tuple(layers[source].output[0] for source in last.inputs if source >= 0)
    return Box("block", last.kind, last.path, _shape(last), tuple(rows), joins, parts)


def _shape(layer: Layer) -> tuple[int, ...]:
    """Return (C, H, W), tokens (N, C) as (C, N, 1), or (features,)."""
    out = layer.output
    return (out[1], out[0], 1) if len(out) == 2 else out[:1] + out[-2:] if len(out) > 3 else out


def _repeated(found: list[Box]) -> list[Box]:
    out: list[Box] = []
    for box in found:
        last = out[-1] if out else None
        alike = last and (last.kind, last.title, last.shape, last.joins, last.parts)
        if last and alike == (box.kind, box.title, box.shape, box.joins, box.parts) and box.kind != "pool":
            out[-1] = replace(last, repeats=last.repeats + 1, rows=last.rows + box.rows)
        else:
            out.append(box)
    return out


def _hung(found: list[Box], layers: Sequence[Layer]) -> list[Box]:
    """Return the boxes with the heads that run in training only hung below those they read."""
    home = {row: place for place, box in enumerate(found) for row in box.rows}
    heads: dict[str, Box] = {}
    below: dict[int, list[str]] = {}
    for number, layer in enumerate(layers):
        if not layer.train_only:
            continue
        name = layer.path.split(".")[0]
        if name not in heads:
            below.setdefault(home.get(layer.inputs[0], 0) if layer.inputs else 0, []).append(name)
        heads[name] = Box("dense", name, name, _shape(layer), (number,))
    return [
        replace(box, branches=tuple(heads[name] for name in below[place])) if place in below else box
        for place, box in enumerate(found)
    ]
