"""The summary as text: a table with one line a row, the remarks gathered below it, the totals at the end."""

from collections.abc import Sequence
from fractions import Fraction

from rich.cells import cell_len
from rich.text import Text

from striate.tracing.arguments import names
from striate.tracing.table import Layer, Table
from striate.units import binary_bytes, count

_HEADINGS = ("layer", "operation", "output", "params", "MACs", "field", "jump", "memory", "time")
_LEFT = 3  # the first columns are flush left, the numbers flush right
# Views, which move no data: left out of the text, present in the JSON.
_VIEWS = names(
    "view reshape permute transpose movedim getitem unsqueeze squeeze expand chunk split unbind unflatten"
)
_LISTED_PATHS = 3


def rendered(table: Table, *, depth: int | None = None) -> str:
    """Return the summary as plain text; rows deeper than `depth` modules are summed up."""
    return "\n".join(line for line, _ in _lines(table, depth))


def styled(table: Table, *, depth: int | None = None) -> Text:
    """Return the same with colours for a terminal."""
    lines = _lines(table, depth)
    return Text("\n").join(Text(line, style=style) for line, style in lines)


def pixels(sizes: Sequence[int | Fraction] | None) -> str:
    """Return one number for a square, else AxB; nothing where there is nothing to say."""
    if not sizes:
        return ""
    shown = [str(s) for s in sizes]
    return shown[0] if len(set(shown)) == 1 else "x".join(shown)


def field(layer: Layer) -> str:
    """Return the receptive field, from the narrowest branch to the widest where branches differ."""
    if layer.receptive_field is None:
        return "?" if layer.output else ""
    widest = pixels(layer.receptive_field)
    narrow = pixels(layer.receptive_field_min)
    return f"{narrow}-{widest}" if narrow else widest


def folded(layers: Sequence[Layer], depth: int | None) -> list[Layer]:
    """Return the rows with those deeper than `depth` summed in one row for the module around them."""
    if depth is None:
        return list(layers)
    deep = {_cut(x.path, depth) for x in layers if x.path != _cut(x.path, depth)}
    out: list[Layer] = []
    for layer in layers:
        path = _cut(layer.path, depth)
        if path not in deep:
            out.append(layer)
        elif out and out[-1].path == path and out[-1].train_only == layer.train_only:
            out[-1] = _summed([out[-1], layer], path)
        else:
            out.append(_summed([layer], path))
    return out


def _cut(path: str, depth: int) -> str:
    return ".".join(path.split(".")[:depth])


def _summed(both: Sequence[Layer], path: str) -> Layer:
    last = both[-1]
    return Layer(
        path=path,
        op=last.kind if last.path == path else "...",
        kind=last.kind,
        output=last.output,
        params=sum(x.params for x in both),
        macs=None if any(x.macs is None for x in both) else sum(x.macs or 0 for x in both),
        receptive_field=last.receptive_field,
        receptive_field_min=last.receptive_field_min,
        jump=last.jump,
        start=last.start,
        activation_bytes=sum(x.activation_bytes for x in both),
        notes=tuple(dict.fromkeys(note for x in both for note in x.notes)),
        train_only=last.train_only,
    )


def _lines(table: Table, depth: int | None) -> list[tuple[str, str]]:
    layers = [x for x in folded(table.layers, depth) if x.op not in _VIEWS or x.params]
    rows = [_HEADINGS, *(cells(layer) for layer in layers)]
    if table.total.seconds is None:
        rows = [row[:-1] for row in rows]
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    size = "x".join(map(str, table.input))
    title = f"{table.name}, input {size}" + (f", batch {table.batch}" if table.batch > 1 else "")
    lines = [
        (title, "bold"),
        (_line(rows[0], widths), "dim"),
        ("-" * (sum(widths) + 2 * len(widths) - 2), "dim"),
    ]
    lines += [
        (_line(row, widths), "italic dim" if layer.train_only else "")
        for row, layer in zip(rows[1:], layers, strict=True)
    ]
    lines.append(lines[2])
    lines += [(line, "") for line in _totals(table)]
    lines += [(line, "yellow") for line in _remarks(table.layers)]
    lines += [(f"Warning: {warning}", "red") for warning in table.warnings]
    return lines


def cells(layer: Layer) -> tuple[str, ...]:
    """Return one row of the table, as text."""
    return (
        layer.path + (" (train only)" if layer.train_only else ""),
        layer.title,
        "x".join(map(str, layer.output)),
        f"{layer.params:,}" if layer.params else "",
        count(layer.macs) if layer.macs != 0 else "",
        field(layer),
        pixels(layer.jump),
        binary_bytes(layer.activation_bytes) if layer.activation_bytes else "",
        f"{layer.seconds * 1e6:,.0f} us" if layer.seconds else "",
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - cell_len(cell))
        parts.append(cell + space if number < _LEFT else space + cell)
    return "  ".join(parts).rstrip()


def totals(table: Table) -> str:
    """Return the sums, a line each."""
    return "\n".join(_totals(table))


def _totals(table: Table) -> list[str]:
    total = table.total
    extra = [f"{total.params - total.trainable:,} frozen"] if total.params != total.trainable else []
    extra += [f"{total.buffers:,} in buffers"] if total.buffers else []
    extra += [f"{total.unused:,} unused"] if total.unused else []
    late = f" + {total.train_only:,} in training only" if total.train_only else ""
    pictures = "a picture" if table.batch == 1 else f"{table.batch} pictures"
    lines = [
        f"Parameters   {total.params:,}{late}" + (f" ({', '.join(extra)})" if extra else ""),
        f"MACs         {total.macs:,} for {pictures} (multiply-adds of convolutions and matrix products)",
        f"Activations  {binary_bytes(total.activation_bytes)} written, {binary_bytes(total.saved_bytes)} kept to train",
        f"Memory       {binary_bytes(total.inference_bytes)} at the most in inference, "
        f"{binary_bytes(total.training_bytes)} in training (SGD with momentum)",
        f"Intensity    {total.intensity:,.1f} FLOP per byte",
    ]
    if total.seconds is not None:
        lines.append(
            f"Least time   {total.seconds * 1e3:,.2f} ms on this machine, by its measured peak and bandwidth"
        )
    return lines


def _remarks(layers: Sequence[Layer]) -> list[str]:
    """Return each remark once, with the layers it holds for."""
    where: dict[str, list[str]] = {}
    for layer in layers:
        for note in layer.notes:
            where.setdefault(note, []).append(layer.path or layer.op)
    lines = []
    for note, paths in where.items():
        more = f" and {len(paths) - _LISTED_PATHS} more" if len(paths) > _LISTED_PATHS else ""
        lines.append(f"Note: {', '.join(paths[:_LISTED_PATHS])}{more}: {note}.")
    return lines
