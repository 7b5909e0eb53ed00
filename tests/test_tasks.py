"""Training, evaluation, prediction and report of the three kinds of task, end to end."""

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from made import SHAPES, SIDE, discs, shapes

import striate as library
from striate.data.augment.augment import PRESETS
from striate.errors import DataError, Interrupted, UsageError
from striate.progress import Silent
from striate.report.panels import MISTAKES_SHOWN
from striate.report.report import write_report
from striate.sources.arrays.arrays import ArrayPictures
from striate.sources.source import Source

NET = "conv3-16 bn relu maxpool2 conv3-32 bn relu maxpool2 fc-classes"
GAP = "conv3-8 relu gap fc-classes"
SETTINGS = library.Settings(net=NET, size=SIDE, threads=2)
TARGETS = ("가로", "radius")
OF_CLASSES = "--{} is for classes, and these data have numbers. Leave it out."


class Listener(Silent):
    """Keeps what it is told, and presses Ctrl-C after so many steps."""

    def __init__(self, *, patience: int = 10**9) -> None:
        self.said: list[str] = []
        self.shown: set[str] = set()
        self.patience = patience

    def say(self, line: str) -> None:
        self.said.append(line)

    def begin(self, phase: str, total: int, *, score: str = "accuracy {:.1%}") -> None:
        self.shown.add(score)

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        if loss is not None:
            self.patience -= 1
            if not self.patience:
                raise KeyboardInterrupt


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> library.Run:
    folder = tmp_path_factory.mktemp("labelled")
    settings = replace(SETTINGS, epochs=5)
    return library.train(shapes(folder / "shapes", count=700), settings=settings, out=folder / "run")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> library.Run:
    folder = tmp_path_factory.mktemp("measured")
    settings = replace(SETTINGS, epochs=6)
    return library.train(discs(folder / "discs", count=500), settings=settings, out=folder / "run")


def numbers(run: library.Run) -> tuple[bytes, list[dict[str, Any]]]:
    lines = [{k: v for k, v in line.items() if k != "seconds"} for line in run.metrics]
    return (run.folder / "model" / "model.safetensors").read_bytes(), lines


def test_shapes_in_a_picture_are_learned(labelled: library.Run) -> None:
    result = labelled.metrics[-1]
    assert list(result) == [
        *("kind", "split", "loss", "exact_match", "micro_f1", "macro_f1", "mean_average_precision", "images")
    ]
    assert result["micro_f1"] > 0.9
    assert result["macro_f1"] > 0.9
    assert result["mean_average_precision"] > 0.9
    assert labelled.recipe.task == "multi-label"
    assert labelled.recipe.train.label_smoothing == 0
    assert labelled.manifest.counts["train"].keys() == set(SHAPES)
    epochs = [line for line in labelled.metrics if line["kind"] == "epoch"]
    assert epochs[-1].keys() == {
        *(
            "kind",
            "epoch",
            "step",
            "seconds",
            "train_loss",
            "train_exact_match",
            "val_loss",
            "val_exact_match",
        )
    }


def test_place_and_radius_of_a_disc_are_learned_in_their_units(measured: library.Run) -> None:
    result = measured.metrics[-1]
    assert list(result) == [
        *("kind", "split", "loss", "r2", "mae", "rmse", "baseline_mae", "baseline_rmse", "images")
    ]
    assert result["r2"] > 0.9
    assert result["baseline_rmse"] == pytest.approx([58, 0.72], rel=0.1)
    assert all(rmse < base / 3 for rmse, base in zip(result["rmse"], result["baseline_rmse"], strict=True))
    assert measured.recipe.targets.mean == pytest.approx((1200, 2.75), rel=0.03)
    assert measured.recipe.train.augment == PRESETS["none"]
    config = json.loads((measured.folder / "model" / "config.json").read_text(encoding="utf-8"))
    assert config["label_names"] == list(TARGETS)
    mean, std = (list(values) for values in (measured.recipe.targets.mean, measured.recipe.targets.std))
    assert config["striate"] == {
        "format": 2, "task": "regression", "depth": 8, "targets": {"mean": mean, "std": std},
    }  # fmt: skip


def test_a_reopened_run_evaluates_and_predicts_the_same(labelled: library.Run, measured: library.Run) -> None:
    for run in (labelled, measured):
        again = library.open_run(run.folder)
        scores, result = again.evaluate(), run.metrics[-1]
        assert {"loss": scores.loss, **scores.values()} == {name: result[name] for name in list(result)[2:-1]}
        store = again.load()
        picture = Path(run.recipe.data) / store.names[0]
        guesses = again.predict(picture)
        if run is labelled:
            given = [name for name, is_there in zip(run.classes, scores.answers[0], strict=True) if is_there]
            assert {guess.label for guess in guesses} == set(given)
            assert [guess.label for guess in again.predict(picture, top=3)][: len(given)] == [
                guess.label for guess in guesses
            ]
        else:
            assert [guess.label for guess in guesses] == list(TARGETS)
            assert [guess.value for guess in guesses] == pytest.approx(scores.answers[0].tolist(), rel=1e-6)


def stopped(data: Path, folder: Path, settings: library.Settings) -> Path:
    """Return a run that was stopped in its second epoch, after a checkpoint in mid-epoch."""
    with pytest.raises(Interrupted):
        library.train(data, settings=settings, out=folder, progress=Listener(patience=8))
    return folder


@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (shapes, {"class_weights": "balanced", "sampling": "balanced", "label_smoothing": 0.1}),
        (discs, {}),
    ],
)
def test_a_run_stopped_in_mid_epoch_is_the_same_run(
    tmp_path: Path, make: Callable[..., Path], changes: dict[str, Any]
) -> None:
    data = make(tmp_path / "data", count=100)
    settings = replace(SETTINGS, epochs=3, batch=16, checkpoint_every=1, **changes)
    whole = library.train(data, settings=settings, out=tmp_path / "whole")
    again = library.resume(stopped(data, tmp_path / "stopped", settings))
    assert numbers(again) == numbers(whole)
    for setting, value in changes.items():
        assert getattr(again.recipe.train, setting) == value


def page_of(run: library.Run) -> str:
    return (run.folder / "report.html").read_text(encoding="utf-8")


def test_the_report_of_labels_shows_each_and_the_worst_pictures(labelled: library.Run) -> None:
    page, scores = page_of(labelled), library.open_run(labelled.folder).evaluate()
    for text in (
        "Test mean average precision",
        "테스트 평균 정밀도 (mAP)",
        "Each label",
        "레이블별",
        *SHAPES,
    ):
        assert text in page
    shown = [f"{100 * value:.1f}\u00a0%" for row in scores.per_class(labelled.classes) for value in
             (row["precision"], row["recall"], row["f1"], row["average_precision"])]  # fmt: skip
    assert all(text in page for text in shown)
    wrong = int((scores.labels != scores.answers).any(1).sum())
    assert page.count("data:image/png;base64,") == min(wrong, MISTAKES_SHOWN) > 0
    assert "confusion" not in page.lower()


def test_the_report_of_numbers_shows_scatters_and_the_largest_errors(measured: library.Run) -> None:
    page, scores = page_of(measured), library.open_run(measured.folder).evaluate()
    for text in ("Test R²", "테스트 결정계수 R²", "Answers against truths", "실제 값과 예측 값", *TARGETS):
        assert text in page
    for row in scores.per_class(TARGETS):
        assert f"{row['mae']:.4g} ({row['baseline_mae']:.4g})" in page
    assert page.count("data:image/png;base64,") == MISTAKES_SHOWN
    svgs = [part.split('"')[0] for part in page.split("data:image/svg+xml;base64,")[1:]]
    assert len(svgs) == 3 + len(TARGETS)
    for svg in svgs:
        ElementTree.fromstring(base64.b64decode(svg))
    store = library.open_run(measured.folder).load()
    errors = (scores.answers - scores.labels).abs() / torch.tensor(measured.recipe.targets.std)
    worst = store.names[int(errors.amax(1).argmax())]
    assert page.index(worst) == min(page.index(name) for name in store.names if name in page)


def test_the_reports_at_the_end_of_training_are_those_that_scoring_anew_gives(
    labelled: library.Run, measured: library.Run
) -> None:
    for run in (labelled, measured):
        first = page_of(run)
        write_report(library.open_run(run.folder))
        assert page_of(run) == first


def test_a_report_without_any_mistake_says_so(tmp_path: Path, labelled: library.Run) -> None:
    few = library.train(
        shapes(tmp_path / "few", count=4), settings=replace(SETTINGS, epochs=1), out=tmp_path / "run"
    )
    assert "Not shown:" in page_of(few)  # one or two pictures of a label are not held out
    assert few.summary()["result"] is None


def test_training_says_its_task_and_shows_its_score(tmp_path: Path) -> None:
    listener = Listener()
    library.train(
        discs(tmp_path / "discs", count=40),
        settings=replace(SETTINGS, epochs=1),
        out=tmp_path / "run",
        progress=listener,
    )
    assert "augment none: a shift or a mirror may change the numbers" in listener.said
    assert any(
        line.startswith("epoch 1: loss ") and ", R2 " in line and "; val " in line for line in listener.said
    )
    assert any(line.startswith("test R2 ") and line.endswith(" on 4 pictures") for line in listener.said)
    assert "R2 {:.3f}" in listener.shown


def test_a_label_that_no_held_out_picture_has_is_told(tmp_path: Path) -> None:
    data = shapes(tmp_path / "data", count=60)
    table = data / "labels.csv"
    table.write_text(
        table.read_text(encoding="utf-8").replace("\n사진3.png,", "\n사진3.png,rare|"), encoding="utf-8"
    )
    listener = Listener()
    library.train(data, settings=replace(SETTINGS, epochs=1), out=tmp_path / "run", progress=listener)
    assert "note: no test picture of rare, so not scored" in listener.said


def test_other_data_may_lack_labels_and_have_targets_besides(
    labelled: library.Run, measured: library.Run, tmp_path: Path
) -> None:
    own = Path(labelled.recipe.data)
    rows = (own / "labels.csv").read_text(encoding="utf-8").splitlines()
    bars = [line.replace("bar", "네모") for line in rows if "disc" not in line][:20]
    (tmp_path / "some.csv").write_text("\n".join(bars), encoding="utf-8")
    for line in bars[1:]:
        shutil.copy(own / line.split(",")[0], tmp_path)
    scores = labelled.evaluate(tmp_path / "some.csv")
    assert {row["class"]: row["images"] for row in scores.per_class(labelled.classes)}["disc"] == 0

    own = Path(measured.recipe.data)
    rows = (own / "labels.csv").read_text(encoding="utf-8").splitlines()
    turned = [",".join((f, str(len(f)), r, x)) for f, x, r in (line.split(",") for line in rows[1:])]
    (tmp_path / "all.csv").write_text(
        "\n".join(["file,target:weight,target:radius,target:가로", *turned]), encoding="utf-8"
    )
    for line in turned:
        shutil.copy(own / line.split(",")[0], tmp_path)
    whole = measured.evaluate(tmp_path / "all.csv")
    assert whole.images == 500
    assert whole.score is not None
    assert whole.score > 0.9


def test_data_of_another_kind_are_refused(labelled: library.Run, measured: library.Run, photos: Path) -> None:
    with pytest.raises(DataError) as raised:
        measured.evaluate(photos)
    assert str(raised.value) == (
        f"{photos}: labelled for classification, and the network was trained for regression. "
        "Give data of the same kind."
    )
    with pytest.raises(DataError) as raised:
        library.resume(labelled.folder, data=measured.recipe.data)
    assert str(raised.value) == (
        f"{measured.recipe.data}: labelled for regression, and the network was trained for multi-label. "
        "Give data of the same kind."
    )


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (discs, {"label_smoothing": 0.1}, OF_CLASSES.format("label-smoothing")),
        (discs, {"class_weights": "sqrt"}, OF_CLASSES.format("class-weights")),
        (discs, {"sampling": "balanced"}, OF_CLASSES.format("sampling")),
        (discs, {"net": "perceptron"}, "perceptron learns by its own rule, which knows one class a picture; these data "
         "are for regression. Give another --net."),
        (shapes, {"net": "dbn"}, "dbn learns by its own rule, which knows one class a picture; these data are for "
         "multi-label. Give another --net."),
    ],
)  # fmt: skip
def test_what_a_task_has_no_use_for_is_refused_before_anything_is_read(
    tmp_path: Path, make: Callable[..., Path], settings: dict[str, Any], message: str
) -> None:
    data = make(tmp_path / "data", count=4)
    with pytest.raises(UsageError) as raised:
        library.train(data, settings=replace(SETTINGS, **settings), out=tmp_path / "run")
    assert str(raised.value) == message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("optimizer", "sgd"), ("momentum", 0.5), ("weight_decay", 0.1), ("label_smoothing", 0.1),
     ("class_weights", "sqrt")],
)  # fmt: skip
def test_a_network_with_its_own_rule_says_what_it_has_no_use_for(
    photos: Path, tmp_path: Path, setting: str, value: Any
) -> None:
    settings = library.Settings(net="adaline", epochs=1, **{setting: value})
    with pytest.raises(UsageError) as raised:
        library.train(photos, settings=settings, out=tmp_path / "run")
    flag = "--" + setting.replace("_", "-")
    assert str(raised.value) == f"adaline learns by its own rule, which has no {flag}. Leave it out."


def made_source(labels: Any, *, task: Any = "regression") -> Source:
    """Return pictures made in Python, as bright as their number."""
    images = (np.arange(len(labels)) * 4 % 256).astype(np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    pictures = ArrayPictures("all", images, labels, np.arange(len(labels)))
    return Source(Path("/made"), "made", ("밝기",), {"all": pictures}, task=task)


def test_a_set_made_in_python_is_trained_resumed_and_reported(tmp_path: Path) -> None:
    source = made_source((np.arange(60, dtype=np.float32) * 4)[:, None])
    settings = library.Settings(net=GAP, size=8, epochs=3, batch=8, checkpoint_every=1)
    whole = library.train(source, settings=settings, out=tmp_path / "whole")
    assert "Answers against truths" in page_of(whole)
    assert whole.evaluate(source, split="all").images == 60
    with pytest.raises(Interrupted):
        library.train(source, settings=settings, out=tmp_path / "stopped", progress=Listener(patience=8))
    with pytest.raises(DataError) as raised:
        library.resume(tmp_path / "stopped")
    assert str(raised.value) == (
        "/made: the data set of the run is no longer there. If it has moved, say where: "
        f"striate resume {tmp_path}/stopped --data DATA, or striate eval {tmp_path}/stopped DATA"
    )
    assert numbers(library.resume(tmp_path / "stopped", data=source)) == numbers(whole)


def test_a_number_that_is_none_is_refused_with_its_picture(tmp_path: Path) -> None:
    labels = np.arange(20, dtype=np.float32)[:, None]
    labels[7] = np.nan
    with pytest.raises(DataError) as raised:
        library.train(made_source(labels), settings=SETTINGS, out=tmp_path / "run")
    assert str(raised.value) == ("/made: all/7 has nan for 밝기. Give a number, or leave the picture out.")


def test_rare_classes_are_weighed_and_drawn_as_asked(make_photos: Any, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", classes={"a": 120, "b": 126}, count=30)
    for number in range(6, 30):
        (photos / "b" / f"사진{number}.png").unlink()
    settings = library.Settings(net="conv3-4 relu gap fc-classes", size=8, epochs=4, batch=8, lr=0.02)
    plain = library.train(photos, settings=settings, out=tmp_path / "plain")
    runs = {}
    for name, value in (("class_weights", "balanced"), ("class_weights", "sqrt"), ("sampling", "balanced")):
        run = library.train(
            photos, settings=replace(settings, **{name: value}), out=tmp_path / f"{name}-{value}"
        )
        runs[name, value] = run
        assert getattr(run.recipe.train, name) == value
        assert numbers(run)[0] != numbers(plain)[0]

    # Pictures that can hardly be told apart: unweighed the frequent class is answered, weighed the rare one too.
    def rare(run: library.Run) -> int:
        return int((run.evaluate(split="train").answers == 1).sum())

    assert rare(plain) == 0
    assert rare(runs["class_weights", "balanced"]) > 0
    assert rare(runs["sampling", "balanced"]) > 0


def test_a_run_of_before_there_were_tasks_is_one_of_classification(finished: Path) -> None:
    recipe = finished / "recipe.toml"
    kept = [
        line
        for line in recipe.read_text(encoding="utf-8").splitlines()
        if not line.startswith(("task", "class_weights", "sampling"))
    ]
    recipe.write_text("\n".join(kept), encoding="utf-8")
    config = finished / "model" / "config.json"
    before = library.open_run(finished)
    assert (before.recipe.task, before.recipe.train.class_weights, before.recipe.train.sampling) == (
        *("classification", "none", "natural"),
    )
    assert config.exists()
    result = before.metrics[-1]
    assert before.evaluate().values() == {name: result[name] for name in ("accuracy", "ece", "raw_ece")}
    library.write_report(before)
    assert "Confusion matrix" in page_of(before)


@pytest.mark.parametrize("count", [3, 12])
def test_a_handful_of_pictures_is_trained_on_and_reported(tmp_path: Path, count: int) -> None:
    # With one picture held out R2 is not defined, which every reader must bear.
    run = library.train(
        discs(tmp_path / "discs", count=count),
        settings=replace(SETTINGS, epochs=1, net=GAP),
        out=tmp_path / "run",
    )
    result = run.summary()["result"]
    assert (result["images"], result["r2"]) == (1, None)
    assert [line["val_r2"] for line in run.metrics if line["kind"] == "epoch"] == [None]
    assert "–" in page_of(run)
