"""eval, predict and report: what they print of a finished run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import striate as library

Striate = Callable[..., Any]
SRC = Path(__file__).parents[2] / "src"


def test_eval_prints_a_line_for_each_class(striate: Striate, finished: Path) -> None:
    scores = library.open_run(finished).evaluate()
    answer = striate("eval", finished)
    lines = answer.out.splitlines()
    assert (answer.code, answer.err) == (0, "")
    assert lines[0] == f"accuracy {scores.accuracy:.2%}, loss {scores.loss:.4f}, 4 pictures"
    assert [line.split()[-1] for line in lines[1:]] == ["dog", "고양이"]
    assert [line.split()[-2] for line in lines[1:]] == ["2", "2"]


def test_eval_prints_json(striate: Striate, finished: Path) -> None:
    found = json.loads(striate("eval", finished, "--json", "--split", "val").out)
    assert found.keys() == {"images", "loss", "accuracy", "ece", "raw_ece", "classes"}
    assert found["images"] == 4
    assert [row.keys() for row in found["classes"]] == [{"class", "images", "precision", "recall"}] * 2
    assert [row["class"] for row in found["classes"]] == ["dog", "고양이"]


def test_eval_refuses_a_class_it_does_not_know(
    striate: Striate, finished: Path, make_photos: Any, tmp_path: Path
) -> None:
    make_photos(tmp_path / "other", classes={"dog": 190, "새": 100}, count=2)
    assert striate("eval", finished, "other") == (
        2, "", "striate: other: class '새' is not one the network knows. It knows: dog, 고양이.\n",
    )  # fmt: skip


def test_eval_takes_data_of_one_class_alone(
    striate: Striate, finished: Path, make_photos: Any, tmp_path: Path
) -> None:
    make_photos(tmp_path / "dogs", classes={"dog": 190}, count=3)
    answer = striate("eval", finished, "dogs", "--json")
    assert (answer.code, answer.err) == (0, "")
    found = json.loads(answer.out)
    assert found["images"] == 3
    assert [(row["class"], row["images"]) for row in found["classes"]] == [("dog", 3), ("고양이", 0)]
    assert found["accuracy"] == found["classes"][0]["recall"]


def test_eval_takes_val_and_test_without_train(
    striate: Striate, finished: Path, make_photos: Any, tmp_path: Path
) -> None:
    for split in ("val", "test"):
        make_photos(tmp_path / "photos" / split / "pictures", classes={"dog": 190, "고양이": 90}, count=2)
    rows = [
        f"{path.relative_to(tmp_path / 'photos')},{path.parent.name},{path.parents[2].name}"
        for path in sorted((tmp_path / "photos").rglob("*.png"))
    ]
    (tmp_path / "photos" / "labels.csv").write_text("\n".join(["file,class,split", *rows]))
    assert json.loads(striate("eval", finished, "photos/labels.csv", "--json").out)["images"] == 4
    answer = striate("train", "photos/labels.csv")
    assert answer.code == 2
    assert answer.err.splitlines()[-1] == (
        "striate: photos/labels.csv: there is test and val, but no train to learn from."
    )


def picture_of(finished: Path) -> str:
    return str(Path(library.open_run(finished).recipe.data) / "고양이" / "사진1.png")


def test_predict_prints_the_likeliest_classes_first(striate: Striate, finished: Path) -> None:
    picture = picture_of(finished)
    guesses = library.open_run(finished).predict(picture)
    expected = [picture, *(f"  {guess.probability:6.1%}  {guess.label}" for guess in guesses)]
    assert striate("predict", finished, picture) == (0, "\n".join(expected) + "\n", "")


def test_predict_says_first_when_a_picture_may_show_none_of_the_classes(
    striate: Striate, finished: Path
) -> None:
    picture = picture_of(finished)
    best, other = library.open_run(finished).predict(picture)
    words = f"none of these (best guess {best.label}, {best.probability:.1%})"  # type: ignore[union-attr]
    expected = [picture, *(f"  {line}" for line in (words, best, other))]
    assert striate("predict", finished, picture, "--threshold", "1") == (0, "\n".join(expected) + "\n", "")
    assert "none of these" not in striate("predict", finished, picture, "--threshold", "0").out
    (found,) = json.loads(striate("predict", finished, picture, "--threshold", "1", "--json").out)
    assert found["none_of_these"] is True
    assert found["predictions"][0]["class"] == best.label


def test_eval_and_predict_answer_by_mirror_images_too(striate: Striate, finished: Path) -> None:
    run = library.open_run(finished)
    scores = run.evaluate(flip=True)
    assert striate("eval", finished, "--flip").out.splitlines()[0] == (
        f"accuracy {scores.accuracy:.2%}, loss {scores.loss:.4f}, 4 pictures"
    )
    picture = picture_of(finished)
    (found,) = json.loads(striate("predict", finished, picture, "--flip", "--json").out)
    assert found["predictions"] == [guess.to_dict() for guess in run.predict(picture, flip=True)]


def test_predict_prints_json(striate: Striate, finished: Path) -> None:
    picture = picture_of(finished)
    guess = library.open_run(finished).predict(picture, top=1)[0]
    found = json.loads(striate("predict", finished, picture, picture, "--top", "1", "--json").out)
    prediction = {"class": guess.label, "probability": guess.probability}
    assert found == [{"image": picture, "none_of_these": not guess.passes, "predictions": [prediction]}] * 2


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["no.png"], 2, "no.png: no such file."),
        (["folder"], 2, "folder: a folder. Give the pictures in it, or score them all with `striate eval`."),
        (["page.png"], 2, "page.png: cannot be read (not a picture of a known format)."),
        (["empty.png"], 2, "empty.png: cannot be read (the file is empty)."),
        ([], 1, "Missing argument 'IMAGES...'."),
        (["no.png", "--threshold", "2"], 1, "threshold is 2; it must be from 0 to 1."),
        (["a.png", "--top", "0"], 1, "Invalid value for '--top': 0 is not in the range x>=1."),
    ],
)
def test_predict_refuses_what_is_no_picture(
    striate: Striate, finished: Path, tmp_path: Path, argv: list[str], code: int, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "page.png").write_text("<html>")
    (tmp_path / "empty.png").touch()
    assert striate("predict", finished, *argv) == (code, "", f"striate: {message}\n")


def test_report_prints_where_the_page_is(striate: Striate, finished: Path) -> None:
    (finished / "report.html").unlink()
    assert striate("report", finished) == (0, f"{finished}/report.html\n", "")
    assert json.loads(striate("report", finished, "--json").out) == {"report": f"{finished}/report.html"}


def test_a_report_that_cannot_be_written_is_told(striate: Striate, finished: Path) -> None:
    (finished / "report.html").unlink()
    (finished / "report.html").mkdir()
    assert striate("report", finished) == (
        3, "", f"striate: {finished}/report.html: cannot be written (Is a directory). The run itself is whole. "
        f"When it can be written, run: striate report {finished}\n",
    )  # fmt: skip


def test_a_drawing_in_no_folder_is_refused_in_one_line(striate: Striate) -> None:
    assert striate("summary", "lenet5", "--svg", "no/such.svg") == (
        1, "", "striate: Invalid value for '--svg': no/such.svg cannot be written: there is no folder no.\n",
    )  # fmt: skip


def test_the_rest_of_the_system_is_told_in_one_line_too(striate: Striate) -> None:
    assert striate("summary", "lenet5", "--svg", "/dev/full") == (
        3, "", "striate: a file: No space left on device\n",
    )  # fmt: skip


def piped(*argv: object, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "striate", *map(str, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SRC), **environment},
    )


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(finished: Path) -> None:
    process = piped("eval", finished, "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), err) == (0, b"")


def test_a_terminal_that_cannot_show_a_script_is_no_reason_to_fail(finished: Path) -> None:
    process = piped("eval", finished, PYTHONIOENCODING="latin-1")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"\\uace0\\uc591\\uc774" in out


def test_a_run_that_has_not_finished_answers_by_its_last_checkpoint_and_says_so(
    striate: Striate, finished: Path
) -> None:
    picture = Path(library.open_run(finished).recipe.data) / "dog" / "사진1.png"
    scored = striate("eval", finished)
    shutil.rmtree(finished / "model")
    note = "the run has not finished: these are its weights after step 8\n"
    answer = striate("predict", finished, picture, "--top", "1")
    assert (answer.code, answer.err) == (0, note)
    assert "dog" in answer.out
    again = striate("eval", finished)
    assert (again.code, again.err) == (0, note)
    # Only what is fitted after training is not there yet.
    assert again.out.splitlines()[0] == scored.out.splitlines()[0]
    assert striate("report", finished).code == 0
