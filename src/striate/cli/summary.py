"""`striate summary`: the table of any network, from its shapes alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import striate
from striate import spec
from striate.cli.verb import OneOf, OutputFile, Verb, json_flag, note_channels_last, print_json
from striate.errors import UsageError

EPILOG = """\b
Examples:
  striate summary lenet5
  striate summary resnet9 --input 3x64x64 --batch 32 --svg resnet9.svg
  striate summary "(conv3-64 relu)*2 maxpool2 fc-256 relu fc-10" --as python
  striate summary net.py:Net --input 1x28x28 --json

Naming a class in a file runs that file.
"""


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags as they were written."""

    network: str
    size: str | None
    batch: int
    depth: int | None
    time: bool
    svg: Path | None
    html: Path | None
    language: str | None
    as_json: bool


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("network", metavar="NET|SPEC|FILE.py:CLASS|RUN")
@click.option("--input", "size", metavar="CxHxW", help="Shape of one picture. Default: the network's own.")
@click.option("--batch", default=1, type=click.IntRange(1), metavar="N", help="Pictures at once.")
@click.option("--depth", type=click.IntRange(1), metavar="N", help="Sum up what lies deeper than N modules.")
@click.option("--time", is_flag=True, help="Add the least time it can take here; measures the machine once.")
@click.option("--svg", type=OutputFile(), help="Draw it.")
@click.option("--html", type=OutputFile(), help="Write a page.")
@click.option("--as", "language", type=OneOf(["python"]), help="Print a spec as PyTorch source.")
@json_flag
def command(**flags: Any) -> None:
    """Show any network layer by layer: shapes, parameters, multiply-adds, receptive fields, memory.

    Nothing is run and no weights are made: the network is followed by its shapes.
    """
    asked = Flags(**flags)
    shape = _shape(asked.size) if asked.size else None
    note_channels_last(shape or ())
    if asked.language:
        click.echo(_source(asked.network, shape), nl=False)
        return
    target = striate.find_network(asked.network, input=shape)
    found = striate.summary(target.make, target.input, batch=asked.batch, name=target.name, time=asked.time)
    for path, text in ((asked.svg, found.svg), (asked.html, found.html)):
        if path is not None:
            path.write_text(text(), encoding="utf-8")
    if asked.as_json:
        print_json(found.to_dict())
    else:
        click.echo(found.text(depth=asked.depth))


def _source(network: str, shape: tuple[int, ...] | None) -> str:
    if not spec.is_spec(network):
        raise UsageError(f"--as python writes specs as PyTorch source; '{network}' is none.")
    if shape is None:
        return spec.to_python(network)
    return spec.to_python(network, input=shape)


def _shape(text: str) -> tuple[int, ...]:
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"--input is the shape of one picture, CxHxW as in 3x224x224; got '{text}'.")
    return tuple(map(int, parts))
