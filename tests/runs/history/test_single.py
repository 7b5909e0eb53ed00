import csv
from collections.abc import Callable
from pathlib import Path

import striate
from striate.runs.folder.record import read_record

MakeRun = Callable[..., Path]


def test_one_run_shows_its_facts_and_its_curves(make_run: MakeRun) -> None:
    text = striate.show_run(make_run("꽃", [0.5, 0.6, 0.8])).text()
    lines = text.splitlines()
    assert lines[1:4] == ["state    finished", "net      resnet9", "data     꽃사진"]
    assert lines[13] == "       val loss" + " " * 32 + "val accuracy"
    assert lines[14].startswith("     1 ⠉⠒⠢")
    assert lines[14][40:47] == "80.00% "
    assert lines[17].startswith("0.3333 ")


def test_one_epoch_makes_no_curve(make_run: MakeRun) -> None:
    assert striate.show_run(make_run("a", [0.5])).curves() == ""


def test_the_csv_of_a_run_has_its_epochs_as_the_record_does(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run("a", [0.5, 0.7])
    striate.show_run(folder).save_csv(tmp_path / "epochs.csv")
    with (tmp_path / "epochs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = [line for line in read_record(folder / "metrics.jsonl") if line["kind"] == "epoch"]
    for row, epoch in zip(rows, epochs, strict=True):
        assert {name: float(value) for name, value in row.items()} == {
            n: v for n, v in epoch.items() if n != "kind"
        }
