"""Every command and the Python of the README, run as they stand there."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.cli.main import main

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
NET = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self, num_classes, in_channels):
        pooled = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        super().__init__(nn.Conv2d(in_channels, 8, 3), nn.ReLU(), *pooled, nn.Linear(8, num_classes))
"""
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with photos/, two classes that differ in brightness, and a network in net.py."""
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    rng = np.random.default_rng(0)
    for name, base in (("cat", 40), ("dog", 170)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(base, base + 40, (24, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i:03}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_readme_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [line for _, block in BLOCKS for line in block.splitlines() if line.startswith("striate ")]
    assert len(commands) >= 8
    for line in commands:
        code = main(shlex.split(line)[1:])
        out, err = capsys.readouterr()
        assert code == 0, f"{line}\n{out}{err}"


def test_the_python_of_the_readme_runs(folder: Path) -> None:
    (code,) = [block for language, block in BLOCKS if language == "python"]
    values: dict[str, object] = {}
    exec(code, values)
    assert values["run"].metrics[-1]["kind"] == "result"
