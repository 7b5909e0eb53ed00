"""From what a user writes to a network: a name of the catalogue, a spec, a class in a file, or a run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from striate.errors import unknown
from striate.nets.blueprint import make_network
from striate.nets.catalog.catalog import CATALOG
from striate.nets.own_code import in_file, is_in_file, is_kept, made, short_name
from striate.runs.run import open_run
from striate.spec import is_spec

Shape = tuple[int, ...]

_SPEC_INPUT = (3, 32, 32)
_USUAL_INPUT = (3, 224, 224)


@dataclass(frozen=True)
class Target:
    """A network found but not yet made: its name, the shape (C, H, W) of its pictures, and what makes it."""

    name: str
    input: Shape
    make: Callable[[], nn.Module]


def load_module(text: str, *, input: Shape | None = None) -> nn.Module:
    """Return the network that `text` names, made with fresh weights, or a run's with its own."""
    if _is_run(text):
        return open_run(text).model
    return find_network(text, input=input).make()


def find_network(text: str, *, input: Shape | None = None) -> Target:
    """Return the network that `text` names: `resnet9`, `"conv3-8 relu gap fc-10"`, `net.py:Net` or a run's folder.

    `input` is the shape (C, H, W) of one picture; None: the network's own, (3, 32, 32) for a spec, (3, 224, 224) for a
    class. Naming a class in a file runs that file; where it asks for `num_classes` and `in_channels`, it is told 1000
    and the channels of `input`. Raises UsageError for what is none of these.
    """
    if text in CATALOG:
        shape = input or CATALOG[text].input
        return Target(text, shape, lambda: make_network(text, input=shape))
    if _is_run(text):
        run = open_run(text)
        own = run.preprocess.input
        return Target(run.recipe.net, input or own, run.fresh_model)
    if is_in_file(text):
        return _from_file(text, input or _USUAL_INPUT)
    if is_kept(text):
        shape = input or _USUAL_INPUT
        return Target(short_name(text), shape, lambda: make_network(text, input=shape))
    if is_spec(text):
        shape = input or _SPEC_INPUT
        return Target(text, shape, lambda: make_network(text, input=shape))
    raise unknown("network", text, CATALOG)


def _is_run(text: str) -> bool:
    try:
        return (Path(text) / "recipe.toml").is_file()
    except OSError:  # a spec may be longer than any path
        return False


def _from_file(text: str, input: Shape) -> Target:
    path, value = in_file(text)
    name = text.rpartition(":")[2]
    where = f"{path.name}:{name}"
    return Target(name, input, lambda: made(value, where, num_classes=None, in_channels=input[0]))
