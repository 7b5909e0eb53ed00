import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.cli.race import command
from striate.errors import UsageError
from striate.trials.entrants import SEVEN, entrants

NET = "conv3-4 bn relu dropout0.3 gap fc-classes"
SETTINGS = striate.Settings(net=NET, size=8, epochs=2, batch=8, mixup=0.4, augment="small-photos")


def test_an_optimizer_goes_in_a_race_as_it_goes_in_training(photos: Path, tmp_path: Path) -> None:
    race = striate.race(photos, optimizers=["nesterov", "adagrad:0.05", "muon"], settings=SETTINGS)
    assert [lane.name for lane in race.lanes] == ["nesterov", "adagrad", "muon"]
    for lane in race.lanes:
        settings = striate.Settings(**{**vars(SETTINGS), "optimizer": lane.name, "lr": lane.plan.lr})
        run = striate.train(photos, settings=settings, out=tmp_path / lane.name)
        steps = [line["loss"] for line in run.metrics if line["kind"] == "step"]
        epochs = [line for line in run.metrics if line["kind"] == "epoch"]
        assert len(steps) == race.steps
        assert lane.losses == steps
        assert (lane.loss, lane.score) == (epochs[-1]["val_loss"], epochs[-1]["val_accuracy"])
        assert lane.plan == run.recipe.train
    assert race.split == "val"


def test_no_run_folder_is_written(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    striate.race(photos, optimizers=["sgd"], steps=1, settings=SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


def test_the_lowest_loss_leads_and_what_diverged_comes_last(photos: Path) -> None:
    race = striate.race(photos, optimizers=["sgd:1e20", "sgd:1e-9", "sgd:0.3"], steps=12, settings=SETTINGS)
    ranked = race.ranking()
    assert [lane.name for lane in ranked] == ["sgd 0.3", "sgd 1e-9", "sgd 1e20"]
    lost = ranked[-1]
    assert lost.diverged
    assert len(lost.losses) == len(lost.seconds) < 12
    assert (lost.loss, lost.score) == (None, None)
    head, *rows = race.lines()
    assert head.split() == ["rate", "val", "loss", "accuracy", "ms/step"]
    assert rows[-1].split() == ["sgd", "1e20", "1e+20", *f"diverged at step {len(lost.losses) + 1}".split()]
    json.dumps(race.to_dict(), allow_nan=False)


def test_without_held_out_pictures_the_last_training_losses_decide(
    tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    race = striate.race(
        make_photos(tmp_path / "few", count=2),
        optimizers=["sgd:1e-9", "sgd:0.3"],
        steps=20,
        settings=striate.Settings(net="conv3-4 relu gap fc-classes", size=8, batch=4),
    )
    assert race.split == ""
    assert [lane.name for lane in race.ranking()] == ["sgd 0.3", "sgd 1e-9"]
    assert race.lines()[1].split()[3:5] == ["-", "-"]


def test_entrants_have_the_name_they_were_given_and_their_rate_where_one_optimizer_has_two() -> None:
    assert entrants(["adam", "sgd:0.1"]) == {"adam": ("adam", None), "sgd": ("sgd", 0.1)}
    assert entrants(["adam:1e-3", "adam"]) == {"adam 1e-3": ("adam", 0.001), "adam": ("adam", None)}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["adm"], "Unknown optimizer 'adm'. Did you mean 'adam'?"),
        (["adam:fast"], "adam:fast: a rate is a number over 0, as in adam:0.001."),
        (["adam:-1"], "adam:-1: a rate is a number over 0, as in adam:0.001."),
        (["adam:inf"], "adam:inf: a rate is a number over 0, as in adam:0.001."),
        (["sgd", "adam", "sgd"], "sgd is named twice. Give each of the two its own rate, as in sgd:0.001."),
        ([], "a race needs at least one optimizer."),
    ],
)
def test_entrants_of_no_sense_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        entrants(names)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0; it must be at least 1."),
        (
            {"settings": striate.Settings(lr=0.1)},
            "a race names its optimizers and their rates: --optimizers adam:0.001,momentum.",
        ),
        (
            {"settings": striate.Settings(net="perceptron")},
            "perceptron learns by its own rule, which has no optimizer to try. Give another --net.",
        ),
    ],
)
def test_a_race_of_no_sense_is_refused(photos: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        striate.race(photos, **changes)  # type: ignore[arg-type]
    assert str(raised.value) == message


def test_the_command_line_writes_the_page_and_prints_the_ranking_or_json(
    striate: Callable[..., Any], photos: Path, tmp_path: Path
) -> None:
    flags = ("--net", "conv3-4 relu gap fc-classes", "--size", 8, "--batch", 8, "--steps", 3)
    answer = striate("race", photos, "--optimizers", "sgd,adam:0.01", *flags)
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert {lines[1].split()[0], lines[2].split()[0]} == {"sgd", "adam"}
    assert lines[-1] == "page    race.html"
    page = (tmp_path / "race.html").read_text(encoding="utf-8")
    assert "Race of the optimizers" in page
    assert "최적화 알고리즘 경주" in page
    assert "://" not in page
    answer = striate("race", photos, "--optimizers", "sgd,adam:0.01", *flags, "--json", "--out", "r.html")
    values = json.loads(answer.out)
    assert values["page"] == "r.html"
    assert [(lane["name"], lane["lr"], len(lane["losses"])) for lane in values["lanes"]] == [
        ("sgd", 0.0625 / 2, 3), ("adam", 0.01, 3),
    ]  # fmt: skip


def test_the_seven_of_the_lecture_are_what_the_command_line_races() -> None:
    flag = next(param for param in command.params if param.name == "optimizers")
    assert flag.default == ",".join(SEVEN)
