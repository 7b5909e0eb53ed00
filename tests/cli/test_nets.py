"""`striate nets` lists the catalogue and shows what is known of a network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import striate
from striate.cli.main import main
from striate.nets import CATALOG


def test_every_network_is_listed_under_its_paper(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    networks = [line.split()[0] for line in lines if line.startswith("  ")]
    assert networks == list(CATALOG)
    heading = lines.index("He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, 2015")
    assert lines[heading + 1] == (
        "  resnet18                 11.7 M params   1.81 G MACs  3x224x224  "
        "shortcuts: a block learns what to add to its input"
    )
    assert lines[heading + 3] == "  resnet50                 25.6 M params   4.09 G MACs  3x224x224"


def test_one_network_is_shown_with_its_errata(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nets", "googlenet-torchvision"]) == 0
    assert capsys.readouterr().out == (
        "googlenet-torchvision\n"
        "  paper    Szegedy and others, Going Deeper with Convolutions, 2014\n"
        "  url      https://arxiv.org/abs/1409.4842\n"
        "  new      GoogLeNet as torchvision codes it\n"
        "  input    3x224x224, 1,000 classes; smallest image 32x32\n"
        "  params   6,624,904 + 6,379,984 of auxiliary heads, only in training\n"
        "  MACs     1,498,376,192\n"
        "  made by  striate.nets.papers.googlenet.GoogLeNet(num_classes, in_channels=..., form='torchvision')\n"
        "  errata\n"
        "  - This is not the paper's network ('googlenet'): 3x3 in place of 5x5 filters, batch norms in\n"
        "    place of response norms, 2x2 in place of 3x3 in the last pooling, auxiliary heads that pool\n"
        "    to 4x4 without the 5x5 window.\n"
        "  - 6.6 M parameters without the two auxiliary heads, which only training uses; 13.0 M with\n"
        "    them.\n"
    )


def test_json_holds_the_same_facts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nets", "--json"]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert [facts["name"] for facts in everything] == list(CATALOG)
    assert main(["nets", "resnet50-v1", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == next(f for f in everything if f["name"] == "resnet50-v1")
    assert facts["macs"] == 3_857_973_248
    assert facts["settings"] == {"depth": 50, "strided": "1x1"}
    assert facts["class"] == "striate.nets.papers.resnet.ResNet"
    assert facts["errata"] == list(CATALOG["resnet50-v1"].errata)


def test_an_unknown_network_is_refused_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nets", "resnet5O"]) == 1
    assert capsys.readouterr().err == "striate: Unknown network 'resnet5O'. Did you mean 'resnet50'?\n"


def test_help_imports_no_torch() -> None:
    code = (
        "import sys; from striate.cli.main import main; code = main(['nets', '--help']); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(striate.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: striate nets [OPTIONS] [NAME]" in done.stdout
