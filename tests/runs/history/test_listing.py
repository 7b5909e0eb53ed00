import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

import striate
from striate.errors import DataError, UsageError
from striate.runs.folder.lock import is_being_written, only_writer
from striate.runs.folder.recovery import Recovery, Rollback
from striate.units import duration

MakeRun = Callable[..., Path]


@pytest.fixture
def four(make_run: MakeRun, tmp_path: Path) -> Path:
    """Four runs, one of them stopped and one diverged."""
    make_run("첫 실험", [0.5, 0.6, 0.7, 0.81], started="2026-11-21T10:00:00+00:00")
    make_run("b", [0.5, 0.9, 0.9, 0.92], started="2026-11-23T10:00:00+00:00")
    make_run("deeper/c", [0.3, 0.4], started="2026-11-22T10:00:00+00:00", done=False)
    make_run("d", [], started="2026-11-20T10:00:00+00:00", done=False)
    Recovery(given_up="the loss is nan at step 3 of 9").save(tmp_path / "runs" / "d")
    return tmp_path / "runs"


def names(found: striate.View) -> list[str]:
    return [Path(run["run"]).name for run in found.to_dict()["runs"]]


def test_runs_are_listed_newest_first_at_any_depth_with_what_they_came_to(four: Path) -> None:
    assert striate.list_runs(four).text() == (
        "run       state     net      data    epochs   score  loss  time  date\n"
        "b         finished  resnet9  꽃사진       4  92.00%  0.25  2:06  2026-11-23\n"
        "deeper/c  stopped   resnet9  꽃사진     2/4  40.00%   0.5  1:03  2026-11-22\n"
        "첫 실험   finished  resnet9  꽃사진       4  81.00%  0.25  2:06  2026-11-21\n"
        "d         diverged  resnet9  꽃사진     0/4       -     -   0 s  2026-11-20"
    )


def test_they_can_be_sorted_and_those_without_the_number_come_last(four: Path) -> None:
    assert names(striate.list_runs(four, sort="score")) == ["b", "첫 실험", "c", "d"]
    assert names(striate.list_runs(four, sort="loss")) == ["b", "첫 실험", "c", "d"]
    assert names(striate.list_runs(four, sort="seconds")) == ["d", "c", "b", "첫 실험"]
    assert names(striate.list_runs(four, sort="name")) == ["b", "c", "d", "첫 실험"]
    with pytest.raises(UsageError, match=r"^Unknown sorting 'scores'. Did you mean 'score'\?$"):
        striate.list_runs(four, sort="scores")


def test_a_table_is_no_wider_than_the_terminal(make_run: MakeRun, tmp_path: Path) -> None:
    for number in range(3):
        make_run(f"실험-{number}-" + "긴이름" * 12, [0.5])
    for width in (60, 80, 200):
        lines = striate.list_runs(tmp_path / "runs").text(width=width).splitlines()
        assert max(map(cell_len, lines)) <= width
        assert len({cell_len(line) for line in lines}) == 1 or width == 200


def test_what_every_name_says_is_not_said_again(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("2026-11-23-resnet9-꽃사진", [0.5])
    make_run("2026-11-23-resnet9-꽃사진-2", [0.5])
    heading, *_ = striate.list_runs(tmp_path / "runs").text().splitlines()
    assert heading.split() == ["run", "state", "epochs", "score", "loss", "time"]


def test_a_run_that_cannot_be_read_is_named_with_the_reason_below_the_others(four: Path) -> None:
    (four / "b" / "recipe.toml").write_text("format = 2\n")
    (four / "d" / "recipe.toml").unlink()
    (four / "notes").mkdir()
    (four / "첫 실험" / "metrics.jsonl").write_text("{]\n")
    found = striate.list_runs(four)
    assert names(found) == ["c"]
    assert found.text().splitlines()[2:] == [
        f"not readable: {four}/b/recipe.toml: not a whole recipe ('data' is missing). Restore it from a copy.",
        f"not readable: {four}/d: not a run folder (it has no recipe.toml).",
        f"not readable: {four}/첫 실험/metrics.jsonl: a line is not JSON (Expecting property name enclosed in double "
        "quotes: line 1 column 2 (char 1)). Restore it from a copy.",
    ]


def test_a_run_that_another_process_writes_is_running_and_asking_does_not_disturb_it(four: Path) -> None:
    with only_writer(four / "deeper" / "c"):
        assert {run.folder.name: run.state for run in striate.list_runs(four).runs}["c"] == "running"
        assert is_being_written(four / "deeper" / "c")
    assert not is_being_written(four / "deeper" / "c")
    assert not is_being_written(four / "nowhere")


def test_a_run_that_was_to_stop_when_it_diverged_is_diverged_until_it_goes_on(make_run: MakeRun) -> None:
    folder = make_run("a", [0.5], done=False)
    Recovery(rollbacks=(Rollback(12, 9, "the loss is nan"),)).save(folder)
    assert striate.show_run(folder).facts.state == "diverged"
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "rollback", "step": 12, "to": 9, "reason": "the loss is nan", "lr": 0.025}\n')
    assert striate.show_run(folder).facts.state == "stopped"


def test_a_folder_without_runs_and_no_folder(tmp_path: Path) -> None:
    assert striate.list_runs(tmp_path).text() == f"no runs below {tmp_path}"
    with pytest.raises(DataError) as caught:
        striate.list_runs(tmp_path / "x")
    assert str(caught.value) == (
        f"{tmp_path}/x: no such folder. `striate train` makes runs/; give the folder that has the runs."
    )
    (tmp_path / "x").touch()
    with pytest.raises(DataError) as caught:
        striate.list_runs(tmp_path / "x")
    assert str(caught.value) == (
        f"{tmp_path}/x: a file. `striate train` makes runs/; give the folder that has the runs."
    )


def test_the_list_can_be_had_as_json_and_csv(four: Path, tmp_path: Path) -> None:
    found = striate.list_runs(four)
    first = json.loads(json.dumps(found.to_dict()))["runs"][0]
    assert first == {
        "run": str(four / "b"), "state": "finished", "net": "resnet9", "data": "꽃사진", "epochs": 4, "planned": 4,
        "metric": "accuracy", "score": 0.92, "loss": 0.25, "split": "test", "seconds": 126.0,
        "started": "2026-11-23T10:00:00+00:00",
    }  # fmt: skip
    found.save_csv(tmp_path / "runs.csv")
    lines = (tmp_path / "runs.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "run,state,net,data,epochs,planned,metric,score,loss,split,seconds,started"
    assert lines[4] == f"{four}/d,diverged,resnet9,꽃사진,0,4,accuracy,,,,0,2026-11-20T10:00:00+00:00"


def test_durations_are_written_as_clocks_show_them() -> None:
    assert [*map(duration, (0.2, 59.4, 61, 3600, 36061))] == ["0 s", "59 s", "1:01", "1:00:00", "10:01:01"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("metrics.jsonl", "5\n", "FILE: a line is no record of a run: 5. Restore it from a copy."),
        (
            "metrics.jsonl",
            '{"epoch": 1}\n',
            'FILE: a line is no record of a run: {"epoch": 1}. Restore it from a copy.',
        ),
        (
            "env.json",
            '{"started": "yesterday"}',
            "FILE: started is 'yesterday', which is no date. Restore it from a copy.",
        ),
        ("env.json", '{"started": 5}', "FILE: started is 5, which is no date. Restore it from a copy."),
    ],
)
def test_one_odd_file_costs_its_own_run_alone(four: Path, name: str, content: str, reason: str) -> None:
    (four / "b" / name).write_text(content, encoding="utf-8")
    found = striate.list_runs(four).to_dict()
    assert [Path(run["run"]).name for run in found["runs"]] == ["c", "첫 실험", "d"]
    assert found["broken"] == [
        {"run": str(four / "b"), "reason": reason.replace("FILE", str(four / "b" / name))}
    ]
