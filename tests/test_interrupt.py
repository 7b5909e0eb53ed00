import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from striate.interrupt import import_whole

SRC = Path(__file__).parent.parent / "src"

# Presses Ctrl-C as the module that the first word names is looked for, in `striate` with the words after it.
PRESSED = """
import os, runpy, signal, sys

moment = sys.argv.pop(1)

class Presses:
    def find_spec(self, name, path=None, target=None):
        if name == moment and self in sys.meta_path:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Presses())
runpy.run_module("striate", run_name="__main__")
"""


# Of the command line, of a verb, and of torch, which passes over what is raised as it imports NumPy.
@pytest.mark.parametrize("module", ["striate.cli.main", "click", "torch", "numpy._core.multiarray"])
def test_ctrl_c_while_the_command_imports_ends_it_quietly(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRESSED, module, "summary", "lenet5"],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "striate: interrupted")


def imported(folder: Path, name: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    import_whole(name)


PRESS = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"


def test_ctrl_c_is_raised_once_the_module_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path, "pressed_once", PRESS + "whole = True\n", monkeypatch)
    assert sys.modules.pop("pressed_once").whole
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reached"
    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path, "pressed_twice", PRESS * 2 + f"open({str(path)!r}, 'w')\n", monkeypatch)
    assert not path.exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_raised_in_place_of_what_it_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path, "pressed_and_broken", PRESS + "import nothing_of_this_name\n", monkeypatch)


def test_whoever_else_answers_ctrl_c_goes_on_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[int] = []

    def answer(number: int, frame: object) -> None:
        answered.append(number)

    before = signal.signal(signal.SIGINT, answer)
    try:
        imported(tmp_path, "pressed_and_answered", PRESS, monkeypatch)
        assert signal.getsignal(signal.SIGINT) is answer
    finally:
        signal.signal(signal.SIGINT, before)
    assert answered == [signal.SIGINT]
