"""docs/arithmetic.md is kept true: its Python runs as a doctest, its commands print what it shows."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from striate.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "arithmetic.md"
CONSOLES = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_python_of_the_page_runs() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert failed == 0
    assert tried > 15
    assert len(CONSOLES) == 3


@pytest.mark.parametrize("console", CONSOLES)
def test_the_commands_of_the_page_print_what_it_shows(
    console: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, shown = console.split("\n", 1)
    assert command.startswith("$ striate ")
    assert main(shlex.split(command)[2:]) == 0
    assert capsys.readouterr().out == shown


def test_every_flag_of_the_verb_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    main(["window", "--help"])
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert {flag for flag in flags if flag not in PAGE.read_text(encoding="utf-8")} == set()
