"""A network of the user's own: a class or function in a Python file, kept by its content.

Nothing that lies in a run folder is ever run. What runs is code that was named on this machine, or trusted by
`striate trust`: it is copied into the cache folder under the digest of its content, and a recipe names it so, as
`net.py:Net@3f2a81c09b7d`.
"""

import ast
import fcntl
import hashlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from threading import Thread
from types import ModuleType

import torch
from torch import nn

from striate.cache import cache_folder
from striate.durable import storage_errors, write_folder
from striate.errors import DataError, UsageError, unknown

# The folder of a run that holds a copy of its network's code.
FOLDER = "code"
LOCK = "lock"
# Classes of a class that must be told their number, where nobody says it: ImageNet's.
USUAL_CLASSES = 1000
# Seconds a file that is run has after Ctrl-C.
MOMENT = 0.5
# Seconds between two looks for Ctrl-C while it runs.
POLL = 0.1
_DIGITS = 12
_IN_FILE = re.compile(r"(?P<file>.+\.py):(?P<name>[^\W\d]\w*)")
_KEPT = re.compile(r"(?P<file>[^/\\]+\.py):(?P<name>[^\W\d]\w*)@(?P<digest>[0-9a-f]{12})")

Files = Mapping[str, bytes]  # by their paths from the folder of the file that was named, in order


def is_in_file(text: str) -> bool:
    """Say whether a text names a class or function in a file, as `models/net.py:Net` does."""
    return _IN_FILE.fullmatch(text) is not None


def is_kept(net: str) -> bool:
    """Say whether a network's name is that of code that was kept, as `net.py:Net@3f2a81c09b7d` is."""
    return _KEPT.fullmatch(net) is not None


def short_name(net: str) -> str:
    """Return the name of the class or function alone."""
    return _parts(_KEPT, net)[1]


def keep(text: str) -> str:
    """Keep the file that `models/net.py:Net` names with the neighbours it imports, and return what a recipe calls it.

    Raises UsageError where there is no such file or it is not Python, StorageError where the cache folder is full.
    """
    file, name = _parts(_IN_FILE, text)
    files = sources(Path(file))
    return f"{Path(file).name}:{name}@{_store(files)}"


def is_trusted(net: str) -> bool:
    """Say whether kept code was named or trusted on this machine."""
    return _stored(_parts(_KEPT, net)[2]).is_dir()


def kept_files(net: str) -> Files:
    """Return the files of kept code; raises DataError where it is not trusted here, or has changed."""
    digest = _parts(_KEPT, net)[2]
    if not is_trusted(net):
        raise DataError(
            f"{net} is Python code that was not used on this machine yet, and it is not run unasked. "
            "Read the copy in code/ of its run folder, and if you trust it: striate trust RUN"
        )
    return files_of(_stored(digest), digest)


def trust(net: str, folder: Path) -> Files:
    """Keep the code of a run folder as if it had been named here, and return its files.

    Raises DataError where the folder's code is not what the run's recipe names.
    """
    digest = _parts(_KEPT, net)[2]
    files = files_of(folder, digest)
    _store(files)
    return files


def files_of(folder: Path, digest: str) -> Files:
    """Return the Python files of a folder that was kept; raises DataError where they do not have the digest."""
    files = _read(folder)
    if _digest(files) != digest:
        raise DataError(
            f"{folder}: not the code that was kept, whose digest is {digest}. Restore it from a copy."
        )
    return files


def make_kept(net: str, *, num_classes: int | None, in_channels: int) -> nn.Module:
    """Return a network of kept code with fresh weights.

    Raises DataError where the code is not trusted here, UsageError where it does not make a network.
    """
    file, name, digest = _parts(_KEPT, net)
    kept_files(net)
    module = _kept_module(file, digest)
    value = found(module, name, file=file)
    where = f"{file}:{name}"
    if isinstance(value, nn.Module):
        raise UsageError(
            f"{where} is a network made already, and a run begins with fresh weights. "
            "Name its class, or a function that makes it."
        )
    with _neighbours(_stored(digest) / file):
        return made(value, where, num_classes=num_classes, in_channels=in_channels)


def made(value: object, where: str, *, num_classes: int | None, in_channels: int) -> nn.Module:
    """Return the module that a class or function makes, told `num_classes` and `in_channels` if it asks for them.

    A module that is made already is returned as it is. `where` is what errors call it. Raises UsageError for what
    makes no module, or needs other arguments.
    """
    if isinstance(value, nn.Module):
        return value
    if not callable(value):
        raise UsageError(
            f"{where} is a {type(value).__name__}; a class or function that makes a module is wanted."
        )
    given = accepted(
        value, {"in_channels": in_channels} | ({} if num_classes is None else {"num_classes": num_classes})
    )
    if num_classes is None and _must_be_told_classes(value):
        given["num_classes"] = USUAL_CLASSES
    try:
        inspect.signature(value).bind(**given)
    except TypeError as error:
        raise UsageError(
            f"{where} needs other arguments than num_classes and in_channels, which are filled in: {error}. "
            "Write a function without them that makes it, and name that."
        ) from error
    try:
        module = value(**given)
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        if _asks_for_values(error):
            raise
        raise UsageError(f"{where} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise UsageError(f"{where} makes a {type(module).__name__}; a torch.nn.Module is wanted.")
    return module


def accepted(value: Callable[..., object], arguments: Mapping[str, int]) -> dict[str, int]:
    """Return those of some arguments that a class or function asks for by name."""
    asked = inspect.signature(value).parameters
    return {name: argument for name, argument in arguments.items() if name in asked}


def absolute_name(text: str) -> str:
    """Return `/where/it/is/net.py:Net` for `net.py:Net`."""
    file, name = _parts(_IN_FILE, text)
    return f"{Path(file).resolve()}:{name}"


def in_file(text: str) -> tuple[Path, object]:
    """Run the file that `models/net.py:Net` names where it stands, and return its path and what has the name."""
    file, name = _parts(_IN_FILE, text)
    path = _existing(Path(file))
    return path, found(_executed(path, f"_striate_file_{path.stem}"), name, file=path.name)


def found(module: ModuleType, name: str, *, file: str) -> object:
    """Return what a file calls `name`; raises UsageError with the nearest of its classes where there is nothing."""
    if not hasattr(module, name):
        classes = [n for n, value in vars(module).items() if _is_its_network(value, module)]
        if not classes:
            raise UsageError(f"{file} has nothing called '{name}', nor any class of a torch.nn.Module.")
        raise unknown(f"class of {file}", name, classes)
    return getattr(module, name)


def sources(path: Path) -> Files:
    """Return a Python file and those below its folder that it imports, and these import, by their paths from there.

    They are found by reading, not by running. Raises UsageError for a file that is missing or is not Python.
    """
    folder, files, waiting = _existing(path).parent, dict[str, bytes](), [path]
    while waiting:
        file = waiting.pop()
        name = file.relative_to(folder).as_posix()
        if name not in files:
            files[name] = file.read_bytes()
            waiting += [p for p in _imported(file, files[name], folder) if p.is_file()]
    return dict(sorted(files.items()))


def _imported(file: Path, content: bytes, folder: Path) -> Iterator[Path]:
    """Yield where the modules that a file imports would be, if they were below a folder."""
    try:
        nodes = list(ast.walk(ast.parse(content, file.name)))
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{file} is not Python: {error}") from error
    above = [path for path in (file.parent, *file.parent.parents) if path.is_relative_to(folder)]
    for node in nodes:
        if isinstance(node, ast.Import):
            names, base = [alias.name for alias in node.names], folder
        elif isinstance(node, ast.ImportFrom):
            if node.level > len(above):  # from outside the folder, where nothing is kept
                continue
            base = folder if node.level == 0 else above[node.level - 1]
            names = [".".join(filter(None, (node.module, alias.name))) for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            for depth in range(len(parts)):
                whole = base.joinpath(*parts[: depth + 1])
                yield from (whole.with_name(f"{whole.name}.py"), whole / "__init__.py")
        if isinstance(node, ast.ImportFrom) and base != folder:
            yield base / "__init__.py"


def _store(files: Files) -> str:
    """Copy code into the cache folder, where it is not there already or was damaged, and return its digest."""
    digest = _digest(files)
    folder = _stored(digest)
    if _digest(_read(folder)) != digest:
        with storage_errors(folder, "try again; STRIATE_CACHE names another cache folder."):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with (folder.parent / LOCK).open("wb") as lock:
                fcntl.flock(
                    lock, fcntl.LOCK_EX
                )  # ranks of one machine, or runs begun together, keep the same code
                if _digest(_read(folder)) != digest:
                    write_folder(folder, files)
    return digest


def _read(folder: Path) -> Files:
    """Return the Python files of a folder, none where there is no folder."""
    paths = (path for path in sorted(folder.rglob("*.py")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _stored(digest: str) -> Path:
    return cache_folder() / "code" / digest


def _digest(files: Files) -> str:
    listed = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:_DIGITS]


@cache
def _kept_module(file: str, digest: str) -> ModuleType:
    return _executed(_stored(digest) / file, f"_striate_code_{digest}")


def _executed(path: Path, name: str) -> ModuleType:
    """Run a file as a module; its neighbours can be imported meanwhile, as if it were run by itself."""
    # Its folder is a package, so that it can import `from .blocks` as well as `from blocks`.
    package = ModuleType(name)
    package.__path__ = [str(path.parent.resolve())]
    sys.modules[name] = package
    spec = importlib.util.spec_from_file_location(f"{name}.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be read as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        # What it draws on the way shall not change the weights that are drawn after it.
        with _neighbours(path), torch.random.fork_rng(devices=[]):
            _in_own_thread(partial(spec.loader.exec_module, module))
    except UsageError:
        raise
    except ImportError as error:
        raise UsageError(
            f"{path} cannot be run: {type(error).__name__}: {error}. "
            "It can import what is installed, and what lies in its own folder and below."
        ) from error
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    return module


@contextmanager
def _neighbours(path: Path) -> Iterator[None]:
    """Let what is imported meanwhile come from a file's own folder, as if the file were run by itself."""
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        with _without_namesakes(path):
            yield
    finally:
        sys.path.remove(folder)  # not the first: the file may have put others before it


def _in_own_thread(work: Callable[[], None]) -> None:
    """Do work in a thread of its own, which Ctrl-C does not wait for; what is raised there is raised here.

    Whoever asks for a network may be following shapes alone, which is a matter of the thread.
    """
    done = Future[None]()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # SystemExit too is for whoever waits
            done.set_exception(error)
        else:
            done.set_result(None)

    try:
        Thread(target=run, name="code", daemon=True).start()
        # A wait without end never hears of a Ctrl-C that comes as it begins, or to another thread.
        while not wait([done], POLL).done:
            pass
    except KeyboardInterrupt:
        wait([done], MOMENT)  # Python aborts where it ends while another thread prints
        raise
    done.result()


@contextmanager
def _without_namesakes(path: Path) -> Iterator[None]:
    """Hide modules from elsewhere that are called as neighbours a file imports, so that it gets its own.

    Two runs may have kept two states of one file. Where nothing had to be hidden, the neighbours stay imported.
    """
    own = {Path(name).parts[0].removesuffix(".py") for name in sources(path)}
    folder = path.parent.resolve()

    def namesakes() -> dict[str, ModuleType]:
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in own}

    hidden = namesakes()
    if all(_lies_in(folder, module) for module in hidden.values()):
        yield
        return
    for name in hidden:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in namesakes():
            del sys.modules[name]
        sys.modules.update(hidden)


def _lies_in(folder: Path, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(folder)


def _must_be_told_classes(value: Callable[..., object]) -> bool:
    parameter = inspect.signature(value).parameters.get("num_classes")
    return parameter is not None and parameter.default is inspect.Parameter.empty


def _asks_for_values(error: BaseException) -> bool:
    """Say whether code failed since it was to be made on shapes alone, for which `hollow` tries it with values."""
    return isinstance(error, RuntimeError | NotImplementedError) and "meta" in str(error).lower()


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    return path


def _is_its_network(value: object, module: ModuleType) -> bool:
    return inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == module.__name__


def _parts(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    match = pattern.fullmatch(text)
    if match is None:
        raise UsageError(f"'{text}' names no class in a file, as net.py:Net does.")
    return match.groups()
