import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Striate = Callable[..., Any]


def test_a_list_a_run_and_a_comparison(
    striate: Striate, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    Path("runs").mkdir()
    finished.rename("runs/꽃")
    listed = striate("runs")
    assert listed.code == 0
    assert listed.out.splitlines()[1].startswith("꽃   finished")
    assert "val loss" in striate("runs", "runs/꽃").out
    assert "the settings are alike" in striate("runs", "runs/꽃", "runs/꽃").out
    assert json.loads(striate("runs", "--json").out)["runs"][0]["state"] == "finished"
    assert striate("runs", "--csv", "a.csv", "--html", "a.html").code == 0
    assert len(Path("a.csv").read_text(encoding="utf-8").splitlines()) == 2
    assert "꽃" in Path("a.html").read_text(encoding="utf-8")


def test_what_is_not_there_is_refused(striate: Striate) -> None:
    answer = striate("runs")
    assert (answer.code, answer.err) == (
        2,
        "striate: runs: no such folder. `striate train` makes runs/; give the folder that has the runs.\n",
    )
    answer = striate("runs", "x", "y")
    assert (answer.code, answer.err) == (
        2,
        "striate: x: no such folder. Give a run folder, such as one below runs/.\n",
    )


def test_looking_at_a_run_leaves_it_as_it_was(striate: Striate, finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    assert striate("runs", finished).code == 0
    assert striate("runs", finished.parent).code == 0
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


def test_a_diverged_run_is_listed_as_one(striate: Striate, photos: Path, flags: tuple[str, ...]) -> None:
    assert striate("train", photos, *flags, "--lr", "1e30", "--out", "runs/a").code == 5
    assert json.loads(striate("runs", "--json").out)["runs"][0]["state"] == "diverged"
