"""From what a user writes to a network: a name of the catalogue, a spec, a class in a file, or a run."""

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from torch import nn

from striate.errors import UsageError, unknown
from striate.nets.catalog import CATALOG
from striate.network import make_network
from striate.run import open_run
from striate.spec import is_spec

Shape = tuple[int, ...]

_IN_FILE = re.compile(r"(?P<file>.+\.py):(?P<name>[^\W\d]\w*)")
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

    `input` is the shape of one picture; None: the network's own, 3x32x32 for a spec, 3x224x224 for a class.
    Naming a class in a file runs that file. Raises UsageError for what is none of these.
    """
    if text in CATALOG:
        shape = input or CATALOG[text].input
        return Target(text, shape, lambda: make_network(text, input=shape))
    if _is_run(text):
        run = open_run(text)
        own = (run.preprocess.channels, *run.preprocess.size)
        return Target(run.recipe.net, input or own, run.fresh_model)
    in_file = _IN_FILE.fullmatch(text)
    if in_file:
        return _from_file(Path(in_file["file"]), in_file["name"], input or _USUAL_INPUT)
    if is_spec(text):
        shape = input or _SPEC_INPUT
        return Target(text, shape, lambda: make_network(text, input=shape))
    raise unknown("network", text, CATALOG)


def _is_run(text: str) -> bool:
    try:
        return (Path(text) / "recipe.toml").is_file()
    except OSError:  # a spec may be longer than any path
        return False


def _from_file(path: Path, name: str, input: Shape) -> Target:
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    module = _executed(path)
    made = getattr(module, name, None)
    if made is None:
        known = [n for n, value in vars(module).items() if _makes(value, module)]
        raise unknown(f"class of {path.name}", name, known)
    return Target(name, input, lambda: _made(made, f"{path.name}:{name}"))


def _executed(path: Path) -> ModuleType:
    """Run a file as a module; its neighbours can be imported meanwhile, as if it were run by itself."""
    name = f"_striate_file_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise UsageError(f"{path} cannot be read as Python.")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)  # not the first: the file may have put others before it
    return module


def _makes(value: object, module: ModuleType) -> bool:
    return inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == module.__name__


def _made(value: object, where: str) -> nn.Module:
    if isinstance(value, nn.Module):
        return value
    if not callable(value):
        raise UsageError(
            f"{where} is a {type(value).__name__}; a class or function that makes a module is wanted."
        )
    try:
        inspect.signature(value).bind()
    except TypeError as error:
        raise UsageError(
            f"{where} cannot be made without arguments: {error}. Write a function without any that makes it, "
            f"and name that."
        ) from error
    try:
        made = value()
    except Exception as error:  # whatever the user's own code raises
        raise UsageError(f"{where} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(made, nn.Module):
        raise UsageError(f"{where} makes a {type(made).__name__}; a torch.nn.Module is wanted.")
    return made
