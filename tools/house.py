"""The house read from its source: the files of striate, the package each stands in, and what each imports."""

import ast
from pathlib import Path

SRC = Path(__file__).parent.parent / "src" / "striate"
FILES = sorted(SRC.rglob("*.py"))
# Open to all: they import nothing of striate.
OPEN = ("errors", "declared", "interrupt", "progress", "units")


def owner(path: Path) -> str:
    """Return the innermost package a file stands in, such as 'sources/tables', or the name of a top-level module."""
    folder = path.relative_to(SRC).parent.as_posix()
    return path.stem if folder == "." else folder


def home(module: str) -> str:
    """Return the owner of a module by its dotted name; 'striate' for striate itself and for its public names."""
    place = SRC.joinpath(*module.split(".")[1:])
    if place != SRC and place.is_dir():
        return place.relative_to(SRC).as_posix()
    return owner(place.with_suffix(".py")) if place.with_suffix(".py").exists() else "striate"


def family(name: str) -> str:
    """Return the top-level package of a package, or itself."""
    return name.split("/")[0]


def tree(path: Path) -> ast.Module:
    """Return a file as it is parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_modules(path: Path) -> set[str]:
    """Return the dotted names of what a file imports, wherever in the file the import stands."""
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
    """Return the packages of striate that a file imports."""
    return {home(module) for module in imported_modules(path) if module.split(".")[0] == "striate"}


def promise(package: Path) -> str:
    """Return the first line of what a package, or a module, says of itself."""
    path = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    return (ast.get_docstring(tree(path)) or "").partition("\n")[0]
