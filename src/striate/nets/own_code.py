"""A network of the user's own: a class or function in a Python file, copied into the cache and named by its hash.

Code in a run folder is never executed. Only code that was named on this machine, or trusted by `striate trust`, is: it
is kept in the cache folder under the digest of its content, by which a recipe names it, as `net.py:Net@3f2a81c09b7d`.
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

from striate.errors import DataError, UsageError, unknown
from striate.host.cache import cache_folder
from striate.host.durable import storage_errors, write_folder
from striate.interrupt import HeldBack

# The folder of a run that holds a copy of its network's code.
FOLDER = "code"
LOCK = "lock"
# The num_classes of a class or function that requires it, where the caller has none: ImageNet's.
USUAL_CLASSES = 1000
# Seconds that the thread which executes a file has to end after Ctrl-C.
MOMENT = 0.5
# Seconds between two looks for Ctrl-C while it runs.
POLL = 0.1
_DIGITS = 12
_IN_FILE = re.compile(r"(?P<file>.+\.py):(?P<name>[^\W\d]\w*)")
_KEPT = re.compile(r"(?P<file>[^/\\]+\.py):(?P<name>[^\W\d]\w*)@(?P<digest>[0-9a-f]{12})")

Files = Mapping[str, bytes]  # contents by path relative to the folder of the named file, in order


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
    """Keep the file that `models/net.py:Net` names, with the files it imports; return its name in a recipe.

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
    """Keep the code in a folder of a run as if it had been named on this machine, and return its files.

    Raises DataError where the folder's code is not what the run's recipe names.
    """
    digest = _parts(_KEPT, net)[2]
    files = files_of(folder, digest)
    _store(files)
    return files


def files_of(folder: Path, digest: str) -> Files:
    """Return the Python files of a folder of kept code; raises DataError where their digest is another."""
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
    """Return the module that a class or function makes, called with those of `num_classes` and `in_channels` it takes.

    A module is returned as it is. `where` is the name of `value` in errors. Raises UsageError for what
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
    """Return those of `arguments` whose names are parameters of a class or function."""
    asked = inspect.signature(value).parameters
    return {name: argument for name, argument in arguments.items() if name in asked}


def absolute_name(text: str) -> str:
    """Return `/where/it/is/net.py:Net` for `net.py:Net`."""
    file, name = _parts(_IN_FILE, text)
    return f"{Path(file).resolve()}:{name}"


def in_file(text: str) -> tuple[Path, object]:
    """Execute the file that `models/net.py:Net` names, without a copy, and return its path and the named object."""
    file, name = _parts(_IN_FILE, text)
    path = _existing(Path(file))
    return path, found(_executed(path, f"_striate_file_{path.stem}"), name, file=path.name)


def found(module: ModuleType, name: str, *, file: str) -> object:
    """Return a module's attribute `name`; raises UsageError, which suggests a similar class, where there is none."""
    if not hasattr(module, name):
        classes = [n for n, value in vars(module).items() if _is_its_network(value, module)]
        if not classes:
            raise UsageError(f"{file} has nothing called '{name}', nor any class of a torch.nn.Module.")
        raise unknown(f"class of {file}", name, classes)
    return getattr(module, name)


def sources(path: Path) -> Files:
    """Return the contents of a Python file and of all it imports, directly or not, from its folder or below.

    Keys are paths relative to that folder. Imports are found by parsing, not by executing. Raises UsageError for a file
    that is missing or is not Python.
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
    """Yield the paths at which the modules that a file imports would lie, if they were in `folder` or below."""
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
    """Copy code into the cache folder, unless an undamaged copy is there, and return its digest."""
    digest = _digest(files)
    folder = _stored(digest)
    if _digest(_read(folder)) != digest:
        with storage_errors(folder, "try again; STRIATE_CACHE names another cache folder."):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with (folder.parent / LOCK).open("wb") as lock:
                fcntl.flock(
                    lock, fcntl.LOCK_EX
                )  # ranks of one machine, or runs started together, may keep the same code
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
    """Execute a file as a module that can import from its own folder, as a script can."""
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
        # Random numbers that the file draws must not change the weights drawn after it.
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
    """Let imports inside the context find the files in a file's own folder first, as for a script."""
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        with _without_namesakes(path):
            yield
    finally:
        sys.path.remove(folder)  # not the first: the file may have put others before it


def _in_own_thread(work: Callable[[], None]) -> None:
    """Do work in a thread of its own, so that Ctrl-C need not wait for it; what it raises is raised here.

    The caller's torch modes, such as the meta device, are thread-local and so do not apply to the work.
    """
    done = Future[None]()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # SystemExit too is raised in the waiting thread
            done.set_exception(error)
        else:
            done.set_result(None)

    with HeldBack() as ctrl_c:
        Thread(target=run, name="code", daemon=True).start()
        # A wait without end never hears of a Ctrl-C that comes as it begins, or to another thread.
        while not (wait([done], POLL).done or ctrl_c.pressed):
            pass
        wait([done], MOMENT)  # Python aborts if it exits while another thread prints
    done.result()


@contextmanager
def _without_namesakes(path: Path) -> Iterator[None]:
    """Hide imported modules of other folders that have the names of files next to this one, which imports its own.

    Two runs may have kept two versions of one file. Where nothing had to be hidden, what was imported stays imported.
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
    """Say whether an error comes of building on the meta device, after which `hollow` builds with real memory."""
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
