import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import UsageError
from striate.preparing.forecast import Forecast, epochs_within, forecast, seconds_of
from striate.preparing.pace import measured_pace
from striate.preparing.prepare import prepare
from striate.progress import Silent
from striate.units import clock

SPEC = "conv3-4 relu gap fc-classes"
# The engine is named, so that nothing is measured but the pace.
ASKED = striate.Settings(
    net=SPEC, size=8, epochs=3, batch=8, augment="none", layout="contiguous", precision="fp32"
)


def one(epoch: float, beside: float = 0.0) -> Forecast:
    return Forecast(
        net="n", input=(3, 8, 8), pictures=80, epochs=1, batch=8, steps=10, step_seconds=epoch / 10,
        epoch_seconds=epoch, seconds=epoch + beside, memory_bytes=1,
    )  # fmt: skip


def test_times_are_read_as_people_write_them() -> None:
    assert [*map(seconds_of, ("90s", "10m", "1h30m", "0.5h"))] == [90, 600, 5400, 1800]


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "1h x", "-5m", "10min"])
def test_another_text_is_no_time(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        seconds_of(text)
    assert (
        str(caught.value) == f"time is '{text}'; wanted a number with s, m or h, such as 90s, 10m or 1h30m."
    )


def test_a_time_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^time is 0s; it must be over 0.$"):
        seconds_of("0s")


def test_as_many_epochs_are_chosen_as_fit_with_a_tenth_kept_back_and_the_report() -> None:
    assert epochs_within(100, one(10)) == 8  # 90 s less 3 for the report
    assert epochs_within(100, one(10, beside=20)) == 6
    assert epochs_within(14, one(10)) == 0
    assert epochs_within(1e9, one(0.001)) == 300


def test_one_epoch_is_not_several() -> None:
    assert one(10).text().splitlines()[1] == "steps    10: 1 epoch of 80 pictures, 8 a step"


def test_a_dry_run_says_what_a_run_takes_and_leaves_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = sorted(tmp_path.iterdir())
    found = striate.dry_run(photos, settings=ASKED)
    assert sorted(tmp_path.iterdir()) == before
    assert not [*temporary.glob("striate-*")]
    assert (found.pictures, found.epochs, found.batch, found.steps) == (32, 3, 8, 12)
    assert found.epoch_seconds > found.step_seconds * 4 > 0
    assert found.seconds == pytest.approx(3 * found.epoch_seconds, rel=0.5)
    lines = found.text().splitlines()
    assert lines[:2] == [
        "net      conv3-4 relu gap fc-classes at 3x8x8",
        "steps    12: 3 epochs of 32 pictures, 8 a step",
    ]
    assert [line.split()[0] for line in lines[2:]] == ["memory", "time"]


@pytest.mark.parametrize(("optimizer", "copies"), [("nesterov", 1), ("adamw", 2)])
def test_the_memory_has_what_the_optimizer_really_keeps(photos: Path, optimizer: str, copies: int) -> None:
    asked = replace(ASKED, net="conv3-64 relu conv3-64 relu gap fc-classes", optimizer=optimizer)
    prepared = prepare(photos, asked, Silent())
    pace = measured_pace(prepared)
    weights = 4 * (3 * 64 * 9 + 64 + 64 * 64 * 9 + 64 + 64 * 2 + 2)
    assert pace.optimizer_bytes == pytest.approx(copies * weights, abs=4000)
    less = forecast(prepared, replace(pace, optimizer_bytes=0)).memory_bytes
    assert forecast(prepared, pace).memory_bytes - less == pace.optimizer_bytes


def test_a_run_with_a_time_ends_within_it_and_its_recipe_has_the_epochs(
    photos: Path, tmp_path: Path, striate: Callable[..., Any]
) -> None:
    started = time.monotonic()
    flags = ("--net", SPEC, "--size", "8", "--batch", "8", "--augment", "none", "--out", "run")
    answer = striate("train", photos, *flags, "--time", "25s")
    # Twice the time, since this machine may have become busy after the measuring.
    assert time.monotonic() - started < 50
    assert answer.code == 0
    (line,) = (line for line in answer.err.splitlines() if line.startswith("epochs"))
    epochs = int(line.split()[1].rstrip(":"))
    assert f"\nepochs = {epochs}\n" in Path("run/recipe.toml").read_text(encoding="utf-8")
    assert line.startswith(f"epochs {epochs}: what fits in 25s; an epoch takes ") or epochs == 300


def test_measuring_does_not_change_the_run(photos: Path, tmp_path: Path) -> None:
    timed = striate.train(photos, settings=replace(ASKED, epochs=None, time="90s"), out=tmp_path / "timed")
    epochs = timed.recipe.train.epochs
    plain = striate.train(photos, settings=replace(ASKED, epochs=epochs), out=tmp_path / "plain")
    assert timed.recipe == plain.recipe
    weights = [(run.folder / "model" / "model.safetensors").read_bytes() for run in (timed, plain)]
    assert weights[0] == weights[1]


def test_a_time_in_which_no_epoch_fits_is_refused(photos: Path) -> None:
    with pytest.raises(UsageError) as caught:
        striate.train(photos, settings=replace(ASKED, epochs=None, time="1s"))
    text = str(caught.value)
    assert text.startswith("time 1s is too short: one epoch and what goes with it take about ")
    assert text.endswith(" here. Give more, or a smaller --size or --net.")


def test_a_time_and_epochs_are_one_too_many() -> None:
    with pytest.raises(UsageError) as caught:
        striate.Settings(time="1m", epochs=3)
    assert str(caught.value) == "time and epochs are both given; a time chooses the epochs. Keep one."


def test_expected_times_are_said_roughly() -> None:
    assert [*map(clock, (4.4, 89, 600, 9000))] == ["4 s", "89 s", "10 min", "2.5 h"]
