import json
from pathlib import Path

import pytest
from torch import nn

import striate
from striate.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(["summary", *argv])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_network_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "lenet5-tutorial")
    assert (code, err) == (0, "")
    assert out.startswith("lenet5-tutorial, input 1x28x28\n")
    assert "Parameters   61,706\nMACs         416,520 for a picture" in out


def test_json_is_what_the_api_gives(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "lenet5", "--json", "batch=4")
    target = striate.find_network("lenet5")
    assert code == 0
    assert json.loads(out) == striate.summary(target.make, target.input, batch=4, name="lenet5").to_dict()


def test_the_lecture_s_small_network_in_the_layer_language(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "conv3-64 relu maxpool2 fc-10", "--input", "1x28x28", "--json")
    rows = [row for row in json.loads(out)["layers"] if row["params"]]
    assert [(row["output"], row["params"], row["weight"]) for row in rows] == [
        ([64, 28, 28], 640, 576),
        ([10], 125_450, 125_440),
    ]


def test_a_spec_is_printed_as_python_that_has_the_same_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "(conv3-8 relu)*2 maxpool2 fc-10", "--as", "python", "--input", "1x8x8")
    space: dict[str, object] = {}
    exec(out, space)
    nets = [value for value in space.values() if isinstance(value, nn.Module)]
    assert code == 0
    wanted = striate.load_module("(conv3-8 relu)*2 maxpool2 fc-10", input=(1, 8, 8))
    assert [sum(p.numel() for p in net.parameters()) for net in nets] == [
        sum(p.numel() for p in wanted.parameters())
    ]


def test_a_drawing_and_a_page_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, _ = run(capsys, "lenet5", "--svg", str(tmp_path / "a.svg"), "--html", str(tmp_path / "a.html"))
    assert code == 0
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg ")
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_depth_folds_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    _, deep, _ = run(capsys, "resnet9")
    _, flat, _ = run(capsys, "resnet9", "--depth", "1")
    assert len(flat.splitlines()) < len(deep.splitlines())


def test_the_least_time_is_shown_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code, out, _ = run(capsys, "lenet5", "--time", "--json")
    seconds = [row["seconds"] for row in json.loads(out)["layers"]]
    total = json.loads(out)["total"]["seconds"]
    assert code == 0
    assert total == pytest.approx(sum(seconds))
    assert 0 < total < 1
    machine = json.loads((tmp_path / "striate" / "machine.json").read_text(encoding="utf-8"))
    _, again, _ = run(capsys, "lenet5", "--time", "--json")
    assert json.loads(again)["total"]["seconds"] == total
    assert json.loads((tmp_path / "striate" / "machine.json").read_text(encoding="utf-8")) == machine


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["lenet5-tutoria"], "striate: Unknown network 'lenet5-tutoria'. Did you mean 'lenet5-tutorial'?\n"),
        (
            ["lenet5", "--input", "1x32xbig"],
            "striate: --input is the shape of one picture, CxHxW as in 3x224x224; got '1x32xbig'.\n",
        ),
        (
            ["lenet5", "--as", "python"],
            "striate: --as python writes specs as PyTorch source; 'lenet5' is none.\n",
        ),
        (
            ["conv5-8/p0 fc-2", "--input", "1x6"],
            "striate: An input is channels, height and width, such as (3, 32, 32); got (1, 6).\n",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, *argv) == (1, "", said)


def test_a_spec_with_an_error_in_the_middle_points_at_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "conv3-8 relu maxpol2 fc-10")
    assert (code, out) == (1, "")
    assert "maxpol2" in err
    assert "^" in err
