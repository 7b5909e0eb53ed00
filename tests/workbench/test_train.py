import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import MakePhotos

import striate as library
from striate.errors import DataError, Interrupted, StorageError, UsageError
from striate.progress import Silent

SETTINGS = library.Settings(
    net="conv3-4 bn relu gap fc-classes", size=8, epochs=2, batch=8, threads=2, lr=0.01
)


class Listener(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


class Impatient(Silent):
    """Presses Ctrl-C at every step of the optimizer."""

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        if loss is not None:
            os.kill(os.getpid(), signal.SIGINT)


def numbers(run: library.Run) -> tuple[bytes, list[dict[str, Any]]]:
    lines = [{k: v for k, v in line.items() if k != "seconds"} for line in run.metrics]
    return (run.folder / "model" / "model.safetensors").read_bytes(), lines


def test_a_run_stopped_after_every_step_is_the_same_run(photos: Path, tmp_path: Path) -> None:
    # Stopped also after the last step of an epoch, which is then still looked at and recorded.
    whole = library.train(photos, settings=SETTINGS, out=tmp_path / "whole")
    folder, messages = tmp_path / "stopped", []
    with pytest.raises(Interrupted) as raised:
        library.train(photos, settings=SETTINGS, out=folder, progress=Impatient())
    messages.append(str(raised.value))
    while not (folder / "model").exists():
        try:
            library.resume(folder, progress=Impatient())
        except Interrupted as stop:
            messages.append(str(stop))
    assert messages == [
        f"stopped after step {step} of 8; a checkpoint is written. Go on with: striate resume {folder}"
        for step in range(1, 9)
    ]
    assert numbers(library.open_run(folder)) == numbers(whole)


def test_a_second_ctrl_c_stops_at_once_and_says_the_way_on(photos: Path, tmp_path: Path) -> None:
    class Furious(Impatient):
        def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
            super().advance(count, loss=loss)
            super().advance(count, loss=loss)

    with pytest.raises(Interrupted) as raised:
        library.train(photos, settings=SETTINGS, out=tmp_path / "run", progress=Furious())
    assert str(raised.value) == f"stopped at once. Go on with: striate resume {tmp_path}/run"
    assert library.resume(tmp_path / "run").summary()["result"] is not None


def test_a_finished_run_is_returned_as_it_is(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.name != ".lock"}
    listener = Listener()
    run = library.resume(finished, progress=listener)
    assert run.folder == finished
    assert listener.said == [f"{finished}: already trained to its end"]
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.name != ".lock"} == before


def test_a_run_killed_before_its_report_gets_one(finished: Path) -> None:
    (finished / "report.html").unlink()
    library.resume(finished)
    assert (finished / "report.html").exists()


def test_the_report_at_the_end_of_training_is_the_one_that_scoring_anew_gives(
    photos: Path, tmp_path: Path
) -> None:
    run = library.train(photos, settings=SETTINGS, out=tmp_path / "run")
    page = run.folder / "report.html"
    first = page.read_text(encoding="utf-8")
    page.unlink()
    library.resume(run.folder)
    assert page.read_text(encoding="utf-8") == first


def test_a_run_killed_before_its_result_is_scored_again_and_only_once(finished: Path) -> None:
    before = numbers(library.open_run(finished))
    shutil.rmtree(finished / "model")
    library.resume(finished)
    assert numbers(library.open_run(finished)) == before


def test_a_result_of_validation_pictures_alone_is_the_same_when_it_is_scored_again(
    make_photos: MakePhotos, tmp_path: Path
) -> None:
    data = make_photos(tmp_path / "photos" / "train").parent
    make_photos(data / "val", classes={"고양이": 100, "dog": 140}, count=30)
    run = library.train(data, settings=SETTINGS, out=tmp_path / "run")
    before, scores = numbers(run), run.evaluate().values()
    assert before[1][-1]["split"] == "val"
    assert {name: before[1][-1][name] for name in scores} == pytest.approx(scores)
    shutil.rmtree(run.folder / "model")
    assert numbers(library.resume(run.folder)) == before


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(finished: Path) -> None:
    before = (finished / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(finished / "model")
    newest = finished / "checkpoints" / (finished / "checkpoints" / "latest").read_text()
    (newest / "state.json").write_text("{}")
    listener = Listener()
    library.resume(finished, progress=listener)
    assert listener.said[:2] == [
        f"passed over a damaged checkpoint: {newest}/state.json: changed since it was written (SHA-256 differs).",
        "going on from step 4 of 8",
    ]
    assert (finished / "model" / "model.safetensors").read_bytes() == before


def test_a_checkpoint_of_another_network_is_refused(finished: Path) -> None:
    shutil.rmtree(finished / "model")
    recipe = library.open_run(finished).recipe
    replace(recipe, net="conv5-4 relu gap fc-classes").save(finished / "recipe.toml")
    with pytest.raises(DataError) as raised:
        library.resume(finished)
    assert str(raised.value) == (
        f"{finished}: the checkpoint is not one of the recipe in recipe.toml. Restore both from a copy."
    )


@pytest.fixture
def stopped(photos: Path, tmp_path: Path) -> Path:
    """A run of `photos` that was stopped after its first step."""
    with pytest.raises(Interrupted):
        library.train(photos, settings=SETTINGS, out=tmp_path / "stopped", progress=Impatient())
    return tmp_path / "stopped"


def test_a_data_set_that_has_moved_can_be_pointed_at_and_is_remembered(
    stopped: Path, photos: Path, tmp_path: Path
) -> None:
    moved = photos.rename(tmp_path / "옮긴 사진")
    with pytest.raises(DataError) as raised:
        library.resume(stopped)
    assert str(raised.value) == (
        f"{photos}: the data set of the run is no longer there. If it has moved, say where: "
        f"striate resume {stopped} --data DATA, or striate eval {stopped} DATA"
    )
    run = library.resume(stopped, data=moved)
    assert library.open_run(stopped).recipe.data == str(moved)
    assert "no longer there" not in (stopped / "report.html").read_text(encoding="utf-8")
    assert run.evaluate().num_classes == 2


def test_changed_pictures_are_refused(stopped: Path, photos: Path) -> None:
    pictures = sorted((photos / "dog").iterdir())
    for picture in pictures:
        picture.write_bytes(pictures[0].read_bytes())
    with pytest.raises(DataError) as raised:
        library.resume(stopped)
    assert "pictures have changed since the run began, the first of them dog/사진1.png. Put them" in str(
        raised.value
    )
    assert not (stopped / "model").exists()


def test_missing_pictures_are_refused(stopped: Path, photos: Path) -> None:
    for picture in (photos / "dog").iterdir():
        picture.unlink()
    (photos / "dog" / "새것.png").write_bytes(next((photos / "고양이").iterdir()).read_bytes())
    with pytest.raises(DataError, match="pictures of the run are gone, the first of them dog/사진"):
        library.resume(stopped)


def test_added_pictures_change_nothing(photos: Path, stopped: Path, tmp_path: Path) -> None:
    whole = library.train(photos, settings=SETTINGS, out=tmp_path / "whole")
    for picture in list((photos / "dog").iterdir()):
        shutil.copy(picture, picture.with_name(f"copy of {picture.name}"))
    assert numbers(library.resume(stopped)) == numbers(whole)


def test_an_added_class_changes_nothing(photos: Path, stopped: Path, tmp_path: Path) -> None:
    whole = library.train(photos, settings=SETTINGS, out=tmp_path / "whole")
    (photos / "aardvark").mkdir()
    shutil.copy(next((photos / "dog").iterdir()), photos / "aardvark")
    assert numbers(library.resume(stopped)) == numbers(whole)
    assert library.open_run(stopped).evaluate().accuracy == whole.metrics[-1]["accuracy"]


def test_runs_of_one_day_are_numbered_and_named_after_their_net_and_data(
    make_photos: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photos = make_photos(tmp_path / ("가" * 80))
    runs = [library.train(photos, settings=SETTINGS) for _ in range(2)]
    assert runs[0].folder.match("runs/[0-9]*-[0-9]*-[0-9]*-spec-" + "가" * 60)
    assert runs[1].folder == runs[0].folder.with_name(runs[0].folder.name + "-2")


def test_a_folder_taken_meanwhile_is_not_shared(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another run makes the folder between the look and the making.
    monkeypatch.chdir(tmp_path)
    first = library.train(photos, settings=SETTINGS)
    monkeypatch.setattr(
        Path, "exists", lambda path: False if path.parent.name == "runs" else os.path.exists(path)
    )
    second = library.train(photos, settings=SETTINGS)
    assert second.folder.name == f"{first.folder.name}-2"


@pytest.mark.parametrize("made", ["file", "run", "other"])
def test_an_out_that_is_taken_is_refused_before_anything_is_read(
    photos: Path, finished: Path, made: str
) -> None:
    out = finished
    message = f"{out}: already a run. Give another --out, or go on with it: striate resume {out}"
    if made == "file":
        out = finished / "recipe.toml"
        message = f"{out}: a file. Give another --out."
    elif made == "other":
        out = finished / "checkpoints"
        message = f"{out}: not empty. Give another --out."
    with pytest.raises(UsageError) as raised:
        library.train(photos, settings=SETTINGS, out=out)
    assert str(raised.value) == message


def test_balanced_sampling_of_more_than_half_of_the_memory_is_refused_rather_than_left_out(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("striate.preparing.prepare.memory", lambda: 1000)
    with pytest.raises(UsageError) as raised:
        library.train(photos, settings=replace(SETTINGS, sampling="balanced"), out=tmp_path / "run")
    assert str(raised.value) == (
        "--sampling balanced needs the decoded pictures in half of the memory, and they are more. "
        "Make them smaller with --size, or let rare classes count more with --class-weights."
    )
    assert library.train(photos, settings=SETTINGS, out=tmp_path / "run").recipe.train.order == "paged"


def test_an_empty_folder_may_be_the_run(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert library.train(photos, settings=SETTINGS, out=tmp_path / "empty").folder == tmp_path / "empty"


def test_an_out_that_cannot_be_made_is_told(photos: Path) -> None:
    with pytest.raises(StorageError) as raised:
        library.train(photos, settings=SETTINGS, out="/dev/null/run")
    assert str(raised.value) == (
        "/dev/null/run: cannot be made (Not a directory). Say where the run shall be: --out FOLDER"
    )


def test_a_run_folder_says_all_that_decided_the_run(finished: Path) -> None:
    assert sorted(path.name for path in finished.iterdir() if path.name != ".lock") == [
        "checkpoints", "classes.json", "data.json", "env.json", "metrics.jsonl", "model", "recipe.toml", "report.html",
    ]  # fmt: skip
    assert json.loads((finished / "classes.json").read_text(encoding="utf-8")) == {"0": "dog", "1": "고양이"}
    config = json.loads((finished / "model" / "config.json").read_text(encoding="utf-8"))
    calibration = config["striate"].pop("calibration")
    assert sorted(calibration) == ["images", "temperature", "threshold", "thresholds"]
    assert (calibration["images"], calibration["temperature"] > 0) == (4, True)
    recipe = library.open_run(finished).recipe
    assert config == {
        "architecture": "conv3-4 relu gap fc-classes",
        "num_classes": 2,
        "label_names": ["dog", "고양이"],
        "pretrained_cfg": {
            "input_size": [3, 8, 8],
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": "center",
            "mean": list(recipe.preprocess.mean),
            "std": list(recipe.preprocess.std),
        },
        "striate": {"format": 2, "task": "classification", "depth": 8},
    }
    assert [line["kind"] for line in library.open_run(finished).metrics] == [*["step"] * 4, "epoch"] * 2 + [
        "result"
    ]
