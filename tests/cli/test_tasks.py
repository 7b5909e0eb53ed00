"""eval and predict of networks that tell several labels or numbers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made import discs, shapes

import striate as library

Striate = Callable[..., Any]
FLAGS = ("--net", "conv3-8 bn relu maxpool2 fc-classes", "--size", "16", "--epochs", "3", "--threads", "2")


@pytest.fixture
def labelled(striate: Striate, tmp_path: Path) -> library.Run:
    data = shapes(tmp_path / "shapes", count=60)
    assert striate("train", data, *FLAGS, "--out", tmp_path / "labelled").code == 0
    return library.open_run(tmp_path / "labelled")


@pytest.fixture
def measured(striate: Striate, tmp_path: Path) -> library.Run:
    data = discs(tmp_path / "discs", count=60)
    assert striate("train", data, *FLAGS, "--out", tmp_path / "measured").code == 0
    return library.open_run(tmp_path / "measured")


def test_eval_prints_a_line_for_each_label_or_target(
    striate: Striate, labelled: library.Run, measured: library.Run
) -> None:
    for run in (labelled, measured):
        scores = run.evaluate()
        first = f"{scores.text}, loss {scores.loss:.4f}, {scores.images} pictures"
        assert striate("eval", run.folder) == (0, "\n".join([first, *scores.lines(run.classes)]) + "\n", "")


def test_eval_prints_json(striate: Striate, labelled: library.Run, measured: library.Run) -> None:
    for run in (labelled, measured):
        scores = run.evaluate()
        assert json.loads(striate("eval", run.folder, "--json").out) == {
            "images": scores.images,
            "loss": scores.loss,
            **scores.values(),
            "classes": scores.per_class(run.classes),
        }


def test_eval_takes_one_number_for_all_and_pictures_without_labels(
    striate: Striate, labelled: library.Run, measured: library.Run, tmp_path: Path
) -> None:
    pictures = sorted(path.name for path in (tmp_path / "discs").glob("*.png"))[:3]
    (tmp_path / "discs" / "same.csv").write_text(
        "file,value:가로,value:radius\n" + "".join(f"{name},4,5\n" for name in pictures)
    )
    answer = striate("eval", measured.folder, tmp_path / "discs" / "same.csv", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out)["images"] == 3
    assert json.loads(answer.out)["r2"] is None
    pictures = sorted(path.name for path in (tmp_path / "shapes").glob("*.png"))[:3]
    header, zeros = ",".join(labelled.classes), ",".join("0" for _ in labelled.classes)
    (tmp_path / "shapes" / "bare.csv").write_text(
        f"file,{header}\n" + "".join(f"{name},{zeros}\n" for name in pictures)
    )
    answer = striate("eval", labelled.folder, tmp_path / "shapes" / "bare.csv", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out)["images"] == 3


def test_predict_prints_all_numbers(striate: Striate, measured: library.Run, tmp_path: Path) -> None:
    picture = tmp_path / "discs" / "사진1.png"
    across, radius = measured.predict(picture)
    lines = [str(picture), f"  {across.value:10.6g}  가로", f"  {radius.value:10.6g}  radius"]
    assert striate("predict", measured.folder, picture) == (0, "\n".join(lines) + "\n", "")
    found = [{"target": "가로", "value": across.value}, {"target": "radius", "value": radius.value}]
    assert json.loads(striate("predict", measured.folder, picture, "--json").out) == [
        {"image": str(picture), "predictions": found}
    ]
    assert striate("predict", measured.folder, picture, "--top", 1) == (
        1, "", "striate: top 1 asks for the likeliest classes, and this network gives numbers. Leave it out.\n",
    )  # fmt: skip


def test_predict_prints_the_labels_given_or_as_many_as_asked(
    striate: Striate, labelled: library.Run, tmp_path: Path
) -> None:
    pictures = sorted((tmp_path / "shapes").glob("*.png"))
    answers = {str(picture): labelled.predict(picture) for picture in pictures}
    assert {len(guesses) for guesses in answers.values()} > {0}
    lines = [
        line
        for picture, guesses in answers.items()
        for line in (picture, *([f"  {guess}" for guess in guesses] or ["  no label"]))
    ]
    assert striate("predict", labelled.folder, *pictures).out.splitlines() == lines
    found = json.loads(striate("predict", labelled.folder, pictures[0], "--top", 2, "--json").out)
    assert [guess["class"] for guess in found[0]["predictions"]] == [
        guess.label for guess in labelled.predict(pictures[0], top=2)
    ]
    assert len(found[0]["predictions"]) == 2
