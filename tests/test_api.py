"""The public API is written down twice, in `striate/__init__.py` and docs/api.md, and compared."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import striate

ROOT = Path(__file__).parent.parent


def listed_names() -> set[str]:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `striate\.([A-Za-z_]+)", page, re.MULTILINE))


def typed_names() -> set[str]:
    tree = ast.parse((ROOT / "src" / "striate" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_every_public_name_is_in_the_api_page_and_no_other_is() -> None:
    assert listed_names() == set(striate.__all__) - {"__version__"}


def test_every_public_name_is_known_to_type_checkers() -> None:
    assert typed_names() == set(striate.__all__) - {"__version__"}


def test_every_public_name_can_be_had_and_says_what_it_is() -> None:
    for name in striate.__all__:
        value = getattr(striate, name)
        assert name == "__version__" or value.__doc__, name


def test_a_public_name_leads_to_the_module_that_defines_it() -> None:
    tree = ast.parse((ROOT / "src" / "striate" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == striate._HOMES
    for name, home in striate._HOMES.items():
        assert getattr(getattr(striate, name), "__module__", home) == home, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'striate' has no attribute 'nothing_of_the_kind'$"):
        _ = striate.nothing_of_the_kind


def test_importing_striate_and_asking_for_help_does_not_import_torch() -> None:
    code = (
        "import sys, striate\n"
        "from striate.cli.main import VERBS, main\n"
        "for verb in [[], *[[v] for v in VERBS]]:\n"
        "    assert main([*verb, '--help']) == 0\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'PIL', 'rich', 'jinja2'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT / "src")
