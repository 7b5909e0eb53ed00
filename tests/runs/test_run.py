import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import striate as library
from striate.errors import DataError, StorageError, StriateError, UsageError
from striate.host.durable import write_folder
from striate.runs.folder.checkpoint import read_checkpoint, save_checkpoint
from striate.runs.folder.recovery import Recovery, Rollback


def data_of(run: Path) -> Path:
    return Path(library.open_run(run).recipe.data)


def test_a_path_an_image_and_an_array_of_one_picture_get_one_answer(finished: Path) -> None:
    run = library.open_run(finished)
    path = data_of(finished) / "dog" / "사진1.png"
    image = Image.open(path)
    answers = [run.predict(picture) for picture in (path, str(path), image, np.asarray(image))]
    assert all(answer == answers[0] for answer in answers)
    assert {guess.label for guess in answers[0]} == {"dog", "고양이"}
    assert sum(guess.probability for guess in answers[0]) == pytest.approx(1)
    assert answers[0][0].probability >= answers[0][1].probability
    assert len(run.predict(path, top=1)) == 1


def test_the_model_is_the_trained_one_in_eval_mode(finished: Path) -> None:
    run = library.open_run(finished)
    assert not run.model.training
    result = run.metrics[-1]
    scores = run.evaluate()
    assert (scores.loss, scores.accuracy) == (result["loss"], result["accuracy"])


def test_other_data_may_have_fewer_classes_and_another_order(finished: Path, tmp_path: Path) -> None:
    run = library.open_run(finished)
    for picture in ("1", "2", "3"):
        for name, _other in (("고양이", "0 other"), ("dog", "1 other")):
            folder = tmp_path / "other" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{picture}.png").write_bytes(
                (data_of(finished) / name / f"사진{picture}.png").read_bytes()
            )
    scores = run.evaluate(tmp_path / "other")
    rows = {row["class"]: row["images"] for row in scores.per_class(run.classes)}
    assert rows == {"dog": 3, "고양이": 3}
    one_by_one = [run.predict(p)[0].label == p.parent.name for p in (tmp_path / "other").rglob("*.png")]
    assert scores.accuracy == pytest.approx(sum(one_by_one) / 6)


def test_a_class_the_network_does_not_know_is_refused(finished: Path, make_photos, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    other = make_photos(tmp_path / "other", classes={"dog": 190, "새": 100})
    with pytest.raises(DataError) as raised:
        library.open_run(finished).evaluate(other)
    assert str(raised.value) == f"{other}: class '새' is not one the network knows. It knows: dog, 고양이."


def test_a_split_can_be_named(finished: Path) -> None:
    run = library.open_run(finished)
    assert len(run.evaluate(split="train").labels) == 32
    assert len(run.evaluate().labels) == 4
    with pytest.raises(UsageError) as raised:
        run.evaluate(split="tset")
    assert str(raised.value) == f"{data_of(finished)}: no split 'tset'. It has: train, val, test."


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        library.open_run(tmp_path / "runs")
    assert (
        str(raised.value) == f"{tmp_path}/runs: no such folder. Give a run folder, such as one below runs/."
    )
    (tmp_path / "report.html").touch()
    with pytest.raises(DataError) as raised:
        library.open_run(tmp_path / "report.html")
    assert str(raised.value) == f"{tmp_path}/report.html: a file. Give a run folder, such as one below runs/."
    with pytest.raises(DataError) as raised:
        library.open_run(tmp_path)
    assert str(raised.value) == f"{tmp_path}: not a run folder (it has no recipe.toml)."


@pytest.mark.parametrize("picture", ["missing", "folder", "text"])
def test_what_is_no_picture_is_refused_and_named(finished: Path, tmp_path: Path, picture: str) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "text.jpg").write_text("<html>")
    asked, message = {
        "missing": (tmp_path / "no.png", f"{tmp_path}/no.png: no such file."),
        "folder": (
            tmp_path / "a folder",
            f"{tmp_path}/a folder: a folder. Give the pictures in it, or score them all with `striate eval`.",
        ),
        "text": (
            tmp_path / "text.jpg",
            f"{tmp_path}/text.jpg: cannot be read (not a picture of a known format).",
        ),
    }[picture]
    with pytest.raises(DataError) as raised:
        library.open_run(finished).predict(asked)
    assert str(raised.value) == message


def change(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("classes.json", None, "{path}: cannot be read ([Errno 2] No such file or directory: '{path}')"),
        ("classes.json", "{", "{path}: cannot be read (Expecting property name enclosed in double quotes: "
         "line 1 column 2 (char 1))"),
        ("classes.json", "[]", "{path}: not a JSON object"),
        ("classes.json", '{"1": "a", "2": "b"}', "{path}: does not number its classes"),
    ],
)  # fmt: skip
def test_a_broken_file_of_the_run_is_named(finished: Path, name: str, text: str | None, message: str) -> None:
    change(finished / name, text)
    with pytest.raises(DataError) as raised:
        library.open_run(finished).predict(data_of(finished) / "dog" / "사진1.png")
    assert str(raised.value) == message.format(path=finished / name) + ". Restore it from a copy."


def test_weights_that_have_changed_are_refused(finished: Path) -> None:
    path = finished / "model" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    with pytest.raises(DataError) as raised:
        _ = library.open_run(finished).model
    assert str(raised.value) == f"{path}: changed since it was written (SHA-256 differs)."


def test_weights_of_another_network_are_refused(finished: Path) -> None:
    recipe = finished / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("conv3-4", "conv3-5"))
    with pytest.raises(DataError) as raised:
        _ = library.open_run(finished).model
    assert str(raised.value) == (
        f"{finished}: its weights are not those of the network in recipe.toml, "
        "conv3-5 relu gap fc-classes. Restore both from a copy."
    )


def test_a_torn_last_line_of_the_record_does_not_matter(finished: Path) -> None:
    with (finished / "metrics.jsonl").open("ab") as file:
        file.write(b'{"kind": "st')
    assert library.open_run(finished).metrics[-1]["kind"] == "result"


def test_env_json_says_what_could_change_a_result(finished: Path) -> None:
    environment = library.open_run(finished).environment
    assert environment.keys() == {
        "python", "versions", "system", "cpu", "cores", "threads", "processes", "gpu", "seed", "revision", "started",
    }  # fmt: skip
    assert environment["versions"]["torch"].startswith("2.")
    assert environment["seed"] == 0


def test_no_reader_writes_into_a_run(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    run = library.open_run(finished)
    run.evaluate()
    run.predict(data_of(finished) / "dog" / "사진1.png")
    assert json.dumps(run.summary())
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


def test_a_run_stopped_before_its_end_answers_by_its_last_checkpoint(finished: Path) -> None:
    whole = library.open_run(finished).evaluate()
    shutil.rmtree(finished / "model")
    run = library.open_run(finished)
    assert run.unfinished == "the run has not finished: these are its weights after step 8"
    assert run.stopped_after == 8
    assert run.evaluate().loss == whole.loss
    assert run.predict(data_of(finished) / "dog" / "사진1.png")[0].label == "dog"


def test_a_run_with_an_average_of_its_weights_answers_by_it(finished: Path) -> None:
    shutil.rmtree(finished / "model")
    last = read_checkpoint(finished / "checkpoints" / "0000000008")
    average = {name: tensor + 1 for name, tensor in last.model.items()}
    save_checkpoint(finished / "checkpoints", 8, replace(last, average=average))
    weights = library.open_run(finished).model.state_dict()
    assert all(torch.equal(tensor, average[name]) for name, tensor in weights.items())


def test_a_run_that_has_gone_back_answers_by_where_it_went(finished: Path) -> None:
    shutil.rmtree(finished / "model")
    Recovery((Rollback(9, 4, ""),)).save(finished)
    assert library.open_run(finished).stopped_after == 4


def test_a_run_without_a_checkpoint_has_no_model_yet(finished: Path) -> None:
    shutil.rmtree(finished / "model")
    shutil.rmtree(finished / "checkpoints")
    run = library.open_run(finished)
    assert run.stopped_after is None
    with pytest.raises(StriateError) as raised:
        _ = run.model
    assert str(raised.value) == (
        f"{finished}: the run has not finished, so it has no model yet. Finish it with: striate resume {finished}"
    )


def test_a_run_of_the_bundled_set_knows_it_beside_a_folder_of_its_name(
    finished: Path, make_photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    recipe = library.open_run(finished).recipe
    replace(recipe, data="fashion").save(finished / "recipe.toml")
    make_photos(tmp_path / "fashion")
    monkeypatch.chdir(tmp_path)
    assert library.open_run(finished).source().format == "IDX"


def test_weights_that_are_no_safetensors_are_named(finished: Path) -> None:
    # The manifest agrees with them, as a stranger's may.
    write_folder(finished / "model", {"model.safetensors": b"weights", "config.json": b"{}"})
    with pytest.raises(DataError) as raised:
        _ = library.open_run(finished).model
    assert str(raised.value) == (
        f"{finished}/model/model.safetensors: not readable (Error while deserializing: header too small). "
        "Restore it from a copy."
    )


class Cramped(nn.Module):
    """A network that has no memory for more than `room` pictures at a time."""

    def __init__(self, net: nn.Module, room: int) -> None:
        super().__init__()
        self.net, self.room = net, room

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes.")
        answer: Tensor = self.net(x)
        return answer


def test_a_run_is_scored_in_as_little_memory_as_it_was_trained_in(finished: Path) -> None:
    run = library.open_run(finished)
    store = run.load(split="train")
    scores = run.score(store)
    run.model = Cramped(run.model, 3)
    assert len(store) > 3
    cramped = run.score(store)
    assert cramped.values() == pytest.approx(scores.values(), rel=1e-5)
    assert cramped.loss == pytest.approx(scores.loss, rel=1e-6)
    run.model = Cramped(run.model, 0)
    with pytest.raises(StorageError) as caught:
        run.score(store)
    assert str(caught.value) == (
        f"{finished}: not enough memory to score one picture at a time (DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 12 bytes). Close other programs and try again."
    )
