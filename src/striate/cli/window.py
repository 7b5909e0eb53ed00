"""`striate window`: the arithmetic of one sliding window, worked out."""

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import click

from striate.arithmetic import patch
from striate.arithmetic.explanation import explain
from striate.arithmetic.layer import Kind, Layer
from striate.arithmetic.plane import windows
from striate.arithmetic.record import number, record
from striate.arithmetic.window import Padding
from striate.cli.verb import OneOf, Verb, json_flag, note_channels_last, print_json
from striate.errors import UsageError

EPILOG = """\b
Examples:
  striate window 7 --kernel 3 --stride 3
  striate window 3x32x32 --kernel 5 --padding 2 --filters 10
  striate window 64x28x28 --kernel 2 --pool max
  striate window 7 --kernel 3 --repeat 2
  striate window "[[1,2,4],[6,7,8],[3,2,1]]" --kernel 2 --stride 1 --pool max
"""


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags as they were written."""

    picture: str
    kernel: str | None
    stride: str | None
    padding: str
    dilation: str
    filters: int | None
    channels: int | None
    groups: int
    no_bias: bool
    pool: Literal["max", "average"] | None
    ceil: bool
    transposed: bool
    output_padding: int
    weights: str | None
    repeat: int
    as_json: bool


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("picture", metavar="INPUT")
@click.option("--kernel", metavar="K|HxW", help="Size of the filter or pooling window: 3, or 3x5.")
@click.option("--stride", metavar="S|HxW", help="Step. Default: 1; with --pool the kernel, as in PyTorch.")
@click.option("--padding", default="0", metavar="P", help="1, 1x2 by axis, 0,1 before and after, or same.")
@click.option("--dilation", default="1", metavar="D|HxW", help="Step between the pixels under the filter.")
@click.option("--filters", type=click.IntRange(1), metavar="N", help="Filters: the channels that come out.")
@click.option("--channels", type=click.IntRange(1), metavar="C", help="Channels, where INPUT says none.")
@click.option("--groups", default=1, type=click.IntRange(1), metavar="G", help="Groups that do not mix.")
@click.option("--no-bias", is_flag=True, help="Filters without a bias.")
@click.option("--pool", type=OneOf(["max", "average"]), help="Pool instead of convolving.")
@click.option("--ceil", is_flag=True, help="With --pool: round the size up, not down.")
@click.option("--transposed", is_flag=True, help="A transposed convolution, which enlarges.")
@click.option("--output-padding", default=0, metavar="P", help="With --transposed: more at the end.")
@click.option("--weights", metavar="MATRIX", help="The filter's numbers, for an INPUT of numbers.")
@click.option(
    "--repeat", default=1, type=click.IntRange(1, 100), metavar="N", help="N of them over each other."
)
@json_flag
def command(**flags: Any) -> None:
    """Work out a sliding window: sizes, fit, dropped pixels, parameters.

    INPUT is the side of a square picture (7), its height and width (6x8), channels first (3x32x32), or the
    numbers themselves as JSON ([[1,2],[3,4]]).
    """
    asked = Flags(**flags)
    _check(asked)
    matrix = _matrix("INPUT", asked.picture) if asked.picture.startswith("[") else None
    sizes = (len(matrix), len(matrix[0])) if matrix else _numbers("INPUT", asked.picture, most=3)
    note_channels_last(sizes)
    layer = _layer(asked, sizes)
    layers = layer.stack(asked.repeat)
    values = _values(asked, layer, matrix) if matrix else None
    detail = len(sizes) == 3 or bool(asked.channels or asked.filters or asked.groups > 1 or asked.no_bias)
    if asked.as_json:
        found = record(layers, one_number=len(sizes) == 1, detail=detail)
        if values:
            found["values"] = [[number(value) for value in row] for row in values]
        print_json(found)
        return
    for line in explain(layers, detail=detail):
        click.echo(line)
    if values:
        click.echo("\nvalues")
        click.echo(_table(values))


def _check(asked: Flags) -> None:
    """Refuse flags that say nothing together."""
    without = {
        "--filters with --pool": asked.filters and asked.pool,
        "--groups with --pool": asked.groups > 1 and asked.pool,
        "--no-bias with --pool": asked.no_bias and asked.pool,
        "--transposed with --pool": asked.transposed and asked.pool,
        "--ceil without --pool": asked.ceil and not asked.pool,
        "--output-padding without --transposed": asked.output_padding and not asked.transposed,
        "--weights with --pool": asked.weights and asked.pool,
        "--weights with --transposed": asked.weights and asked.transposed,
        "--weights without an INPUT of numbers": asked.weights and not asked.picture.startswith("["),
        "--repeat with an INPUT of numbers": asked.repeat > 1 and asked.picture.startswith("["),
    }
    for flags, given in without.items():
        if given:
            raise UsageError(f"{flags} has no meaning.")


def _layer(asked: Flags, sizes: tuple[int, ...]) -> Layer:
    channels = sizes[0] if len(sizes) == 3 else asked.channels or 1
    if asked.channels is not None and asked.channels != channels:
        raise UsageError(f"--channels says {asked.channels}, INPUT {asked.picture} says {channels}.")
    kernel = _kernel(asked)
    stride = _pair("--stride", asked.stride) if asked.stride else kernel if asked.pool else 1
    plane = windows(
        kernel,
        stride=stride,
        padding=_padding(asked.padding),
        dilation=_pair("--dilation", asked.dilation),
    )
    kind: Kind = asked.pool or ("transposed" if asked.transposed else "convolution")
    return Layer(
        (channels, sizes[-1] if len(sizes) == 1 else sizes[-2], sizes[-1]),
        (plane[0], plane[1]),
        kind=kind,
        filters=asked.filters or 1,
        groups=asked.groups,
        bias=not asked.no_bias,
        ceil=asked.ceil,
        output_padding=asked.output_padding,
    )


def _kernel(asked: Flags) -> tuple[int, int]:
    if asked.kernel:
        return _pair("--kernel", asked.kernel)
    if asked.weights:
        weights = _matrix("--weights", asked.weights)
        return len(weights), len(weights[0])
    raise UsageError("--kernel is missing: the size of the filter, such as --kernel 3.")


def _values(asked: Flags, layer: Layer, matrix: patch.Matrix) -> list[list[patch.Number]] | None:
    """Return the numbers that come out, where the flags say enough to work them out."""
    if asked.pool:
        return patch.pool(matrix, layer.windows, how=asked.pool, ceil=asked.ceil)
    if asked.weights:
        return patch.convolve(matrix, _matrix("--weights", asked.weights), layer.windows)
    return None


def _numbers(flag: str, text: str, *, most: int = 2) -> tuple[int, ...]:
    parts = text.split("x")
    if len(parts) > most or not all(part.isdecimal() for part in parts):
        like = "7, 6x8 or 3x32x32" if most == 3 else "3 or 3x5"
        raise UsageError(f"{flag} is a number or numbers joined by x, like {like}; got '{text}'.")
    return tuple(map(int, parts))


def _pair(flag: str, text: str) -> tuple[int, int]:
    numbers = _numbers(flag, text)
    return numbers[0], numbers[-1]


def _padding(text: str) -> tuple[Padding, Padding]:
    """Read 1, 1x2 (by axis), 0,1 (before and after) or same."""
    parts = [_ends(text, part) for part in text.split("x")]
    if len(parts) > 2:
        raise _no_padding(text)
    return parts[0], parts[-1]


def _ends(text: str, part: str) -> Padding:
    ends = part.split(",")
    if part == "same":
        return "same"
    if len(ends) > 2 or not all(end.isdecimal() for end in ends):
        raise _no_padding(text)
    return int(ends[0]), int(ends[-1])


def _no_padding(text: str) -> UsageError:
    return UsageError(
        f"--padding is a number, 1x2 by axis, 0,1 for before and after, or 'same'; got '{text}'."
    )


def _matrix(flag: str, text: str) -> patch.Matrix:
    try:
        matrix = json.loads(text, parse_float=Fraction)
        rows = [[_value(cell) for cell in row] for row in matrix]
    except (ValueError, TypeError) as error:
        raise UsageError(f"{flag} is no matrix of numbers, like [[1,2],[3,4]]; got '{text}'.") from error
    if not rows or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise UsageError(f"{flag} needs rows of one length, like [[1,2],[3,4]]; got '{text}'.")
    return rows


def _value(cell: object) -> patch.Number:
    if isinstance(cell, bool) or not isinstance(cell, int | Fraction):
        raise TypeError(cell)
    return cell


def _table(values: list[list[patch.Number]]) -> str:
    cells = [[str(value) for value in row] for row in values]
    width = 2 + max(len(cell) for row in cells for cell in row)
    return "\n".join("".join(cell.rjust(width) for cell in row) for row in cells)
