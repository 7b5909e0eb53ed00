"""Whole runs that freeze, stop early, grow their pictures and calibrate."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made import shapes
from PIL import Image
from safetensors.torch import load_file

import striate
from striate.progress import Silent
from striate.tasks.classification import ClassScores
from striate.tasks.multi_label import LabelScores
from striate.tasks.task import Guess

NET = "conv3-4 bn relu dropout0.1 gap fc-classes"
SMALL = striate.Settings(net=NET, size=12, epochs=2, batch=8, augment="none")


def pictures(root: Path, *, classes: int = 2, count: int = 20, noise: int = 120) -> Path:
    """Write squares whose brightness tells the class, though not surely."""
    for label in range(classes):
        folder = root / f"class {label}"
        folder.mkdir(parents=True)
        for i in range(count):
            draw = np.random.default_rng((classes, label, i))
            pixels = 60 + 50 * label + draw.normal(0, noise, (12, 12, 3)) + draw.normal(0, 25)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.png")
    return root


def weights_of(run: striate.Run) -> Path:
    return run.folder / "model" / "model.safetensors"


def lines(run: striate.Run, kind: str) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in line.items() if name != "seconds"}
        for line in run.metrics
        if line["kind"] == kind
    ]


class Killed(Silent):
    """Interrupts a run at its n-th batch, as a kill between two steps would."""

    def __init__(self, at: int) -> None:
        self.left = at

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        if loss is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt


@pytest.fixture
def first(tmp_path: Path) -> striate.Run:
    return striate.train(pictures(tmp_path / "first"), settings=SMALL, out=tmp_path / "run")


def test_a_frozen_body_keeps_every_bit_and_the_head_learns(first: striate.Run, tmp_path: Path) -> None:
    settings = replace(SMALL, weights=str(weights_of(first)), freeze="body", epochs=3)
    run = striate.train(pictures(tmp_path / "more", classes=3), settings=settings, out=tmp_path / "second")
    assert (run.recipe.train.frozen, run.recipe.train.body_lr) == (1, 0.1)
    before, after = load_file(weights_of(first)), load_file(weights_of(run))
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"6.weight", "6.bias"}


def test_the_body_learns_once_the_head_has(first: striate.Run, tmp_path: Path) -> None:
    settings = replace(SMALL, weights=str(weights_of(first)), epochs=5, checkpoint_every=6)
    data = pictures(tmp_path / "more", classes=3)  # 6 steps an epoch
    with pytest.raises(striate.StriateError):
        striate.train(data, settings=settings, out=tmp_path / "second", progress=Killed(7))
    assert striate.open_run(tmp_path / "second").recipe.train.frozen == 0.2
    before = load_file(weights_of(first))
    halfway = load_file(tmp_path / "second" / "checkpoints" / "0000000006" / "model.safetensors")
    assert {name for name in before if not torch.equal(before[name], halfway[name])} == {"6.weight", "6.bias"}
    after = load_file(weights_of(striate.resume(tmp_path / "second")))
    assert {name for name in before if not torch.equal(before[name], after[name])} >= {"0.weight", "1.weight"}


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_run_with_all_of_it_resumes_bit_for_bit(first: striate.Run, tmp_path: Path, ema: float) -> None:
    settings = replace(
        SMALL, weights=str(weights_of(first)), epochs=5, patience=2, progressive=0.5, dropout=0.3, ema=ema,
        checkpoint_every=4,
    )  # fmt: skip
    data = pictures(tmp_path / "more", classes=3)
    whole = striate.train(data, settings=settings, out=tmp_path / "whole")
    for at in (3, 15, 22):
        out = tmp_path / f"killed {at}"
        with pytest.raises(striate.StriateError):
            striate.train(data, settings=settings, out=out, progress=Killed(at))
        again = striate.resume(out)
        for name in ("model.safetensors", "config.json"):
            assert (again.folder / "model" / name).read_bytes() == (
                whole.folder / "model" / name
            ).read_bytes()
        for kind in ("step", "epoch", "result"):
            assert lines(again, kind) == lines(whole, kind)


@pytest.fixture
def overfitted(tmp_path: Path) -> striate.Run:
    """A run whose rate is so high that its validation loss soon rises."""
    settings = replace(SMALL, epochs=40, patience=2, lr=0.5, schedule="constant")
    return striate.train(pictures(tmp_path / "data", count=40), settings=settings, out=tmp_path / "run")


def test_a_run_ends_after_so_many_epochs_in_vain_with_the_best_weights(overfitted: striate.Run) -> None:
    losses = [line["val_loss"] for line in lines(overfitted, "epoch")]
    best = losses.index(min(losses)) + 1
    assert len(losses) == best + 2 < 40
    (result,) = lines(overfitted, "result")
    assert result["epoch"] == best
    assert overfitted.evaluate(split="val").loss == pytest.approx(min(losses), rel=1e-5)
    steps = lines(overfitted, "epoch")[best - 1]["step"]
    kept = overfitted.folder / "best" / f"{steps:010d}" / "model.safetensors"
    assert kept.read_bytes() == weights_of(overfitted).read_bytes()


def test_a_run_that_had_stopped_early_is_not_trained_on(overfitted: striate.Run) -> None:
    before, lines_before = weights_of(overfitted).read_bytes(), overfitted.metrics
    shutil.rmtree(overfitted.folder / "model")
    again = striate.resume(overfitted.folder)
    assert weights_of(again).read_bytes() == before
    assert again.metrics == lines_before


def test_a_run_killed_between_the_best_weights_and_their_checkpoint_ends_the_same(tmp_path: Path) -> None:
    settings = replace(SMALL, epochs=3, patience=3, lr=0.01)
    data = pictures(tmp_path / "data", count=40, noise=40)
    run = striate.train(data, settings=settings, out=tmp_path / "run")
    (result,) = lines(run, "result")
    assert result["epoch"] == 3  # so that the last weights written are the best
    before, lines_before = weights_of(run).read_bytes(), lines(run, "epoch")
    newest = max(path for path in (run.folder / "checkpoints").iterdir() if path.is_dir())
    assert (run.folder / "best" / newest.name).is_dir()
    shutil.rmtree(newest)
    shutil.rmtree(run.folder / "model")
    again = striate.resume(run.folder)
    assert weights_of(again).read_bytes() == before
    assert lines(again, "epoch") == lines_before
    assert lines(again, "result") == [result]


def test_patience_never_looks_at_the_test_pictures(tmp_path: Path) -> None:
    pictures(tmp_path / "data" / "train")
    pictures(tmp_path / "data" / "test", count=5)
    run = striate.train(tmp_path / "data", settings=replace(SMALL, patience=1), out=tmp_path / "run")
    held_out = {split: len(names) for split, names in run.manifest.splits.items()}
    assert held_out == {"train": 36, "val": 4, "test": 10}
    assert all("val_loss" in line and "test_loss" not in line for line in lines(run, "epoch"))
    plain = striate.train(tmp_path / "data", settings=SMALL, out=tmp_path / "plain")
    assert plain.manifest.splits.keys() == {"train", "test"}
    assert plain.calibration.images == 0
    asked = striate.train(tmp_path / "data", settings=replace(SMALL, val=True), out=tmp_path / "asked")
    assert asked.manifest.splits.keys() == {"train", "val", "test"}
    assert asked.calibration.images == 4


def test_patience_without_enough_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(striate.UsageError) as caught:
        striate.train(pictures(tmp_path / "data", count=2), settings=replace(SMALL, patience=1))
    assert (
        str(caught.value)
        == "--patience needs pictures held out for val, and these are too few. Leave it out."
    )


def test_the_calibration_of_a_run_is_that_of_its_validation_pictures(first: striate.Run) -> None:
    stored = json.loads((first.folder / "model" / "config.json").read_text())["striate"]["calibration"]
    assert stored == {
        "temperature": first.calibration.temperature,
        "threshold": first.calibration.threshold,
        "thresholds": [],
        "images": 4,
    }
    assert first.calibration.temperature != 1
    scores = first.evaluate()
    assert isinstance(scores, ClassScores)
    logits = first.task.calibrated(replace(first.calibration, temperature=1.0))
    assert not torch.equal(scores.confidences, scores.raw_confidences)
    (result,) = lines(first, "result")
    assert (result["ece"], result["raw_ece"]) == (scores.ece, scores.raw_ece)
    assert logits.classes == first.classes


def test_without_calibration_probabilities_are_the_networks_own(tmp_path: Path) -> None:
    settings = replace(SMALL, calibrate=False)
    run = striate.train(pictures(tmp_path / "data"), settings=settings, out=tmp_path / "run")
    assert "calibration" not in json.loads((run.folder / "model" / "config.json").read_text())["striate"]
    scores = run.evaluate()
    assert isinstance(scores, ClassScores)
    assert torch.equal(scores.confidences, scores.raw_confidences)


def test_labels_have_a_threshold_each(tmp_path: Path) -> None:
    settings = replace(SMALL, size=16, epochs=6)
    run = striate.train(shapes(tmp_path / "shapes", count=400), settings=settings, out=tmp_path / "run")
    thresholds = run.calibration.thresholds
    assert len(thresholds) == 3
    assert thresholds != (0.5, 0.5, 0.5)
    scores = run.evaluate(split="val")
    assert isinstance(scores, LabelScores)
    assert scores.macro_f1 is not None
    even = replace(scores, thresholds=0.5)
    assert even.macro_f1 is not None
    assert scores.macro_f1 >= even.macro_f1


def test_a_guess_under_the_threshold_does_not_pass(first: striate.Run) -> None:
    grey = np.full((12, 12, 3), 128, np.uint8)
    best, other = first.predict(grey)
    assert isinstance(best, Guess)
    passes = [
        [guess.passes for guess in first.predict(grey, threshold=t)] for t in (0.0, best.probability, 1.0)
    ]
    assert passes == [[True, True], [True, False], [False, False]]
    assert first.predict(grey)[0].passes is (best.probability >= first.calibration.threshold)
    assert other.passes is False or other.probability >= first.calibration.threshold  # type: ignore[union-attr]
    with pytest.raises(striate.UsageError) as caught:
        first.predict(grey, threshold=1.5)
    assert str(caught.value) == "threshold is 1.5; it must be from 0 to 1."


def test_a_flip_is_the_mean_of_a_picture_and_its_mirror_image(first: striate.Run, tmp_path: Path) -> None:
    net = "conv3-4 relu fc-classes"
    run = striate.train(tmp_path / "first", settings=replace(SMALL, net=net), out=tmp_path / "sided")
    picture = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)

    def probabilities(picture: Any, *, flip: bool = False) -> dict[str, float]:
        return {guess.label: guess.probability for guess in run.predict(picture, flip=flip)}  # type: ignore[union-attr]

    one, other = probabilities(picture), probabilities(picture[:, ::-1].copy())
    assert abs(one["class 0"] - other["class 0"]) > 1e-3
    for found in (probabilities(picture, flip=True), probabilities(picture[:, ::-1].copy(), flip=True)):
        assert found == pytest.approx({name: (one[name] + other[name]) / 2 for name in one}, abs=1e-6)
    flipped, plain = run.evaluate(flip=True), run.evaluate()
    assert flipped.loss != plain.loss
    assert flipped.images == plain.images


def sizes(run: striate.Run) -> Iterator[float]:
    for line in run.metrics:
        if line["kind"] == "step":
            yield line["loss"]


def test_pictures_that_grow_are_learned_from_and_full_size_changes_nothing(tmp_path: Path) -> None:
    data = pictures(tmp_path / "data")
    plain, full, grown = (
        striate.train(data, settings=replace(SMALL, progressive=share), out=tmp_path / f"run {i}")
        for i, share in enumerate((1.0, 0.99, 0.5))
    )
    assert weights_of(plain).read_bytes() == weights_of(full).read_bytes()
    assert next(sizes(plain)) != next(sizes(grown))
    assert grown.recipe.train.progressive == 0.5


def test_a_network_of_one_side_refuses_pictures_that_grow(tmp_path: Path) -> None:
    settings = replace(SMALL, net="conv3-4 relu fc-classes", progressive=0.5)
    with pytest.raises(striate.UsageError) as caught:
        striate.train(pictures(tmp_path / "data"), settings=settings)
    assert str(caught.value) == (
        "conv3-4 relu fc-classes does not take pictures of 8x8, so they cannot grow to 12x12: "
        "mat1 and mat2 shapes cannot be multiplied (2x256 and 576x2). Leave out --progressive, or give a larger share."
    )


def test_dropout_of_a_network_that_has_none_is_refused(tmp_path: Path) -> None:
    settings = replace(SMALL, net="conv3-4 relu gap fc-classes", dropout=0.2)
    with pytest.raises(striate.UsageError) as caught:
        striate.train(pictures(tmp_path / "data"), settings=settings)
    assert str(caught.value) == (
        "conv3-4 relu gap fc-classes has no dropout layer. Leave out --dropout, or write one into a spec: dropout0.2"
    )
