import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

import striate
from striate.errors import DataError, UsageError

MakeRun = Callable[..., Path]


def test_runs_side_by_side_show_what_differs_and_what_came_of_it(make_run: MakeRun) -> None:
    first, second = (
        make_run("첫째", [0.5, 0.75], done=False),
        make_run("second", [0.5, 0.6, 0.8, 0.9], lr=0.025),
    )
    assert striate.compare_runs([first, second]).text() == (
        "           첫째             second\n"
        "train.lr   0.1              0.025\n"
        "\n"
        "state      stopped          finished\n"
        "epochs     2/4              4/4\n"
        "score      accuracy 75.00%  accuracy 90.00%\n"
        "loss       0.5000           0.2500\n"
        "scored on  val              test\n"
        "time       1:03             2:06"
    )


def test_runs_that_do_not_differ_are_said_to_be_alike(make_run: MakeRun) -> None:
    same = striate.compare_runs([make_run("a", [0.5]), make_run("b", [0.5])])
    assert same.settings == {}
    assert "the settings are alike" in same.text()


def test_many_runs_are_shown_below_each_other_and_fit(make_run: MakeRun) -> None:
    compared = striate.compare_runs([make_run(f"실험 {n}", [0.5], seed=n) for n in range(7)])
    blocks = compared.text(width=80).split("\n\nstate")
    assert len(blocks) == 4
    assert all(cell_len(line) <= 80 for line in compared.text().splitlines())
    assert compared.settings == {"seed": (0, 1, 2, 3, 4, 5, 6)}


def test_runs_of_one_name_are_told_apart_by_their_paths(make_run: MakeRun, tmp_path: Path) -> None:
    pair = [make_run("x/a", [0.5]), make_run("y/a", [0.5])]
    compared = striate.compare_runs(pair).text(width=400)
    assert compared.splitlines()[0].split() == [*map(str, pair)]


def test_what_can_not_be_compared_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^1 run given; two or more can be compared.$"):
        striate.compare_runs([make_run("a", [0.5])])
    with pytest.raises(DataError) as caught:
        striate.compare_runs([tmp_path / "runs" / "a", tmp_path / "b"])
    assert str(caught.value) == f"{tmp_path}/b: no such folder. Give a run folder, such as one below runs/."


def test_the_csv_has_the_settings_that_differ(make_run: MakeRun, tmp_path: Path) -> None:
    striate.compare_runs([make_run("a", [0.5]), make_run("b", [0.6], lr=0.2)]).save_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["score"], row["train.lr"]) for row in rows] == [("0.5", "0.1"), ("0.6", "0.2")]
