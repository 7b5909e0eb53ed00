"""Our promise about the shape of the code: who may import whom, and how large things may grow."""

import ast
import statistics
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "striate"
FILES = sorted(SRC.rglob("*.py"))

# Package or top-level module -> what else of striate it may import. `errors` is open to all.
BELOW_RUN = {"nets", "spec", "data", "tasks"}
MAY_IMPORT = {
    "errors": set(),
    # How a network learns by itself: nets have such rules, training runs them.
    "rule": set(),
    # Files that are whole or not there.
    "durable": set(),
    # How the process keeps its memory.
    "heap": set(),
    # The shell of every page.
    "pages": set(),
    # Where leaves that need an optional dependency are imported.
    "extras": {"imports"},
    # Imports that Ctrl-C does not break.
    "imports": set(),
    # Where what can be made again is kept.
    "cache": set(),
    "arithmetic": set(),
    "layers": set(),
    "data": {"cache", "durable", "extras"},
    "spec": {"arithmetic", "layers"},
    "nets": {"cache", "layers", "rule"},
    "tracing": {"arithmetic", "measurements"},
    "tasks": {"layers", "arithmetic"},
    "training": {"data", "tasks", "rule", "durable", "extras", "code"},
    # Networks of the user's own; a file that a user names is run from here alone.
    "code": {"cache", "durable"},
    "network": {"nets", "spec", "code"},
    "run": {"network", "code", "data", "tasks", "training"},
    # From what a user writes to a network.
    "resolve": {"nets", "spec", "code", "network", "run"},
    "look": {"run", "data", "tasks", "tracing", "pages"},
    # Runs listed, compared, and their curves.
    "runs": {"run", "data", "tasks", "training", "durable", "look", "pages"},
    # What a run will take, measured by a few of its steps.
    "pace": {"preparation", "network", "nets", "data", "tasks", "training"},
    "measurements": {"cache", "durable"},
    "engine": {"preparation", "measurements", "network", "data", "training"},
    "forecast": {"preparation", "pace", "engine", "network", "data", "tracing", "training"},
    # A run as a script that needs striate as little as possible.
    "ejecting": {"code", "preparation", "forecast", "spec", "nets", "data", "tasks", "training", "durable"},
    # Every picture looked at once, without torch; and its page, with what the network would see.
    "checking": {"cache", "durable", "data"},
    "check_page": {"checking", "durable", "data", "look", "training"},
    "reading": {*BELOW_RUN, "training", "extras"},
    "preparation": {*BELOW_RUN, "reading", "code", "network", "training", "tracing", "run"},
    "workbench": {
        "code",
        "durable",
        "heap",
        "network",
        "preparation",
        "forecast",
        "nets",
        "data",
        "tasks",
        "training",
        "run",
        "look",
    },
    # Trainings for a look, such as a race of optimizers: prepared as by the workbench, but no run folder is written.
    "trials": {"heap", "engine", "preparation", "nets", "data", "tasks", "training", "run", "look", "pages"},
    # The command line calls the public names of `striate`: every verb is a call anyone can make.
    "cli": {"striate", "arithmetic", "spec", "imports"},
    "__main__": {"imports"},
}
# A package never has the name of a public function: `striate.train` is one, `striate.training` the other.
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}
PICKLERS = {"pickle", "dill", "cloudpickle", "shelve", "marshal"}
# The one file that may open .pth files, as tensors only.
READS_PTH = "nets/weights.py"
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
MOST_ARGUMENTS = 7


def owner(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
            if node.module == "striate":
                names |= {f"striate.{alias.name}" for alias in node.names}
    return names


def striate_imports(path: Path) -> set[str]:
    """Return the packages of striate that a file imports, wherever in the file the import stands."""
    modules = {m for m in imported_modules(path) if m.split(".")[0] == "striate"}
    packages = {m.split(".")[1] for m in modules if "." in m}
    return packages | ({"striate"} if "striate" in modules else set())


@pytest.mark.parametrize("path", [f for f in FILES if f.parent != SRC or f.name != "__init__.py"], ids=str)
def test_a_file_imports_only_what_lies_below_it(path: Path) -> None:
    me = owner(path)
    assert me in MAY_IMPORT, f"{me} is not in MAY_IMPORT: say there what it may import"
    above = striate_imports(path) - MAY_IMPORT[me] - {me, "errors"}
    assert not above, f"{path.relative_to(SRC)} imports {sorted(above)}"


def test_files_do_not_import_each_other_in_a_circle() -> None:
    modules = {"striate." + ".".join(f.relative_to(SRC).with_suffix("").parts): f for f in FILES}
    edges = {name: imported_modules(path) & modules.keys() - {name} for name, path in modules.items()}
    done: set[str] = set()

    def walk(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"import cycle: {' -> '.join((*above, name))}"
        if name not in done:
            for below in edges[name]:
                walk(below, (*above, name))
            done.add(name)

    for name in edges:
        walk(name, ())


def test_a_file_has_one_noun_and_ends_in_time() -> None:
    long = {f.name: n for f in FILES if (n := len(f.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE}
    assert not long, f"over {LONGEST_FILE} lines: {long}"
    assert not [f for f in FILES if f.name in FORBIDDEN_NAMES]


def test_functions_are_of_one_breath() -> None:
    lengths = {
        f"{f.relative_to(SRC)}:{fn.lineno} {fn.name}": (fn.end_lineno or 0) - fn.lineno + 1
        for f in FILES
        for fn in functions(f)
    }
    assert not {k: n for k, n in lengths.items() if n > LONGEST_FUNCTION}
    assert statistics.median(lengths.values()) <= 10


def test_functions_take_at_most_seven_arguments_and_pass_no_kwargs_through() -> None:
    for path in FILES:
        for fn in functions(path):
            where = f"{path.relative_to(SRC)}:{fn.lineno} {fn.name}"
            args = [*fn.args.posonlyargs, *fn.args.args, *fn.args.kwonlyargs]
            own = [a for a in args if a.arg not in ("self", "cls")]
            # A command's parameters are its flags, which are not limited.
            assert len(own) <= MOST_ARGUMENTS or owner(path) == "cli", where
            assert fn.args.kwarg is None or owner(path) == "cli", f"{where}: **{fn.args.kwarg}"


def test_nothing_can_unpickle_or_evaluate() -> None:
    for path in FILES:
        assert not imported_modules(path) & PICKLERS, path
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("eval", "exec", "compile"), f"{path}:{node.lineno}"
                if ast.unparse(node.func) == "torch.load":
                    assert path.relative_to(SRC).as_posix() == READS_PTH, f"{path}:{node.lineno}"
                    assert "weights_only=True" in ast.unparse(node), f"{path}:{node.lineno}"
