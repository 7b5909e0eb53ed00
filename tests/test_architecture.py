"""Our promise about the shape of the code: who may import whom, and how large things may grow."""

import ast
import re
import statistics
from collections.abc import Mapping
from pathlib import Path

import pytest
from house import FILES, OPEN, SRC, family, imported_modules, owner, striate_imports, tree

from striate.tasks.catalog import TASKS

# Package, sub-package or top-level module -> what else of striate it may import, ground floor first. Naming a package
# names its sub-packages too. The flat files of a package and its sub-packages may import each other as the package
# may; what a sub-package may import beyond its package's flat files stands in a row of its own.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "progress": set(),
    "units": set(),
    # Settings held to their declared types.
    "declared": {"errors"},
    # Ctrl-C held back while it would break something.
    "interrupt": set(),
    # Old names of modules, which scripts already written may import.
    "moved": set(),
    "arithmetic": set(),
    "layers": set(),
    "learning": set(),
    "host": set(),
    "pictures": {"host"},
    "display": {"pictures"},
    "spec": {"arithmetic", "layers"},
    "sources": {"pictures", "host"},
    "sources/targets": set(),
    "sources/archives": {"host"},
    "sources/folders": {"sources/targets", "pictures"},
    "sources/arrays": {"sources/folders", "sources/targets"},
    "sources/tables": {"sources/folders", "sources/targets", "pictures"},
    "sources/parquet": {"sources/tables", "sources/folders", "sources/targets", "pictures", "host"},
    "sources/shards": {"sources/archives", "sources/targets", "pictures", "host"},
    "nets": {"spec", "layers", "learning", "host"},
    "nets/papers": {"layers", "learning"},
    "nets/heads": set(),
    "nets/catalog": {"nets/papers", "learning"},
    "nets/weights": {"nets/catalog", "host"},
    "tracing": {"arithmetic", "host"},
    "tracing/rules": {"arithmetic"},
    "tracing/views": set(),
    "data": {"sources", "pictures", "host"},
    "data/augment": set(),
    "data/store": {"sources", "pictures", "host"},
    "data/audit": {"data/store", "sources", "pictures", "host"},
    "tasks": {"sources", "host"},
    "runs": {"data", "sources", "pictures", "tasks", "nets", "spec", "learning", "display", "host"},
    "runs/folder": {"data", "sources", "pictures", "tasks", "learning", "host"},
    "runs/history": {"runs/folder", "sources", "tasks", "display", "host"},
    "training": {"runs/folder", "data", "tasks", "learning", "host"},
    "training/ranks": {"host"},
    "preparing": {
        *("training", "runs", "nets", "tracing", "data", "sources", "pictures", "tasks", "learning", "host"),
    },
    "report": {"runs", "tracing", "data", "tasks", "pictures", "display", "host"},
    # Trainings for a look, such as a race of optimizers: prepared as by the workbench, but no run folder is written.
    "trials": {
        *("preparing", "training", "runs", "nets", "data", "sources", "tasks", "learning", "display", "host"),
    },
    "ship": {"runs", "data", "tasks", "pictures", "host"},
    "ship/script": {"preparing", "runs", "nets", "spec", "data", "sources", "tasks", "learning", "host"},
    "workbench": {"preparing", "training", "report", "runs", "nets", "data", "sources", "learning", "host"},
    # The command line calls the public names of `striate`: every verb is a call anyone can make.
    "cli": {"striate", "arithmetic", "spec"},
    "__main__": {"cli"},
}
# A package never has the name of a public function: `striate.train` is one, `striate.training` the other.
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}
PICKLERS = {"pickle", "dill", "cloudpickle", "shelve", "marshal"}
# Where a task's name may stand: what is learned from, what its answers mean, and how a network for it ends. Panels draw
# the scores of a task, and `striate` exports them.
KNOW_TASKS = (
    "sources/targets",
    "tasks",
    "nets/heads",
    "report/panels.py",
    "report/mistakes.py",
    "__init__.py",
    "moved.py",
)
# The one file that may open .pth files, as tensors only.
READS_PTH = "nets/weights/files.py"
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
MOST_ARGUMENTS = 7


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", [f for f in FILES if f.parent != SRC or f.name != "__init__.py"], ids=str)
def test_a_file_imports_only_what_lies_below_it(path: Path) -> None:
    me = owner(path)
    assert me in MAY_IMPORT, f"{me} is not in MAY_IMPORT: say there what it may import"
    own = {me, family(me)} if "/" in me else {room for room in MAY_IMPORT if is_within(room, me)}
    above = {
        other
        for other in striate_imports(path) - own - set(OPEN)
        if not any(is_within(other, room) for room in MAY_IMPORT[me])
    }
    assert not above, f"{path.relative_to(SRC)} imports {sorted(above)}"


def is_within(place: str, room: str) -> bool:
    """Say whether a package is another or one below it."""
    return place == room or place.startswith(f"{room}/")


def test_every_package_has_a_row_and_every_row_a_package() -> None:
    assert {owner(path) for path in FILES} - {"__init__"} == MAY_IMPORT.keys()


def test_packages_do_not_import_each_other_in_a_circle() -> None:
    packages: dict[str, set[str]] = {}
    for path in FILES:
        me = owner(path)
        if me != "__init__":
            others = packages.setdefault(family(me), set())
            others |= {family(o) for o in striate_imports(path)} - {family(me), "striate"}
    assert not circles(packages)
    for parent in {family(name) for name in MAY_IMPORT if "/" in name}:
        rooms = {name: MAY_IMPORT[name] for name in MAY_IMPORT if name.startswith(f"{parent}/")}
        assert not circles({name: may & rooms.keys() for name, may in rooms.items()}), parent


def test_files_do_not_import_each_other_in_a_circle() -> None:
    modules = {"striate." + ".".join(f.relative_to(SRC).with_suffix("").parts): f for f in FILES}
    edges = {name: imported_modules(path) & modules.keys() - {name} for name, path in modules.items()}
    assert not circles(edges)


def circles(edges: Mapping[str, set[str]]) -> list[str]:
    """Return each circle of a graph as text, such as 'a -> b -> a'."""
    found: list[str] = []
    done: set[str] = set()

    def walk(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            found.append(" -> ".join((*above[above.index(name) :], name)))
        elif name not in done:
            for below in edges.get(name, set()):
                walk(below, (*above, name))
            done.add(name)

    for name in edges:
        walk(name, ())
    return found


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
            assert len(own) <= MOST_ARGUMENTS or family(owner(path)) == "cli", where
            assert fn.args.kwarg is None or family(owner(path)) == "cli", f"{where}: **{fn.args.kwarg}"


def test_nothing_can_unpickle_or_evaluate() -> None:
    for path in FILES:
        assert not imported_modules(path) & PICKLERS, path
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("eval", "exec", "compile"), f"{path}:{node.lineno}"
                if ast.unparse(node.func) == "torch.load":
                    assert path.relative_to(SRC).as_posix() == READS_PTH, f"{path}:{node.lineno}"
                    assert "weights_only=True" in ast.unparse(node), f"{path}:{node.lineno}"


def test_a_task_is_known_by_name_in_its_own_rooms_alone() -> None:
    modules = {task.__module__ for task in TASKS.values()}
    for path in FILES:
        place = path.relative_to(SRC).as_posix()
        if place.startswith(KNOW_TASKS):
            continue
        named = [n.value for n in ast.walk(tree(path)) if isinstance(n, ast.Constant) and n.value in TASKS]
        assert not named, f"{place} names {named}"
        assert not modules & imported_modules(path), place
    for page in SRC.rglob("templates/*"):
        text = page.read_text(encoding="utf-8")
        assert not [name for name in TASKS if re.search(rf"[\"']{name}[\"']", text)], page
