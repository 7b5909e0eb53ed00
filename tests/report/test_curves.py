from typing import Any
from xml.etree import ElementTree

import pytest

from striate.report.curves import draw, loss_lines, score_lines
from striate.tasks.task import Metric

ACCURACY = Metric("accuracy", "accuracy")


def epoch(number: int, step: int, *, train: tuple[float, float], val: tuple[float, float]) -> dict[str, Any]:
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return {"kind": "epoch", "epoch": number, "step": step, **dict(zip(names, (*train, *val), strict=True))}


METRICS: list[dict[str, Any]] = [
    {"kind": "step", "step": 1, "loss": 2.0, "lr": 0.1},
    {"kind": "step", "step": 2, "loss": 1.5, "lr": 0.1},
    epoch(1, 2, train=(1.75, 0.5), val=(1.6, 0.6)),
    {"kind": "step", "step": 3, "loss": 1.0, "lr": 0.1},
    epoch(2, 4, train=(1.0, 0.7), val=(1.2, 0.8)),
    {"kind": "result", "split": "test", "loss": 1.0, "accuracy": 0.75, "images": 4},
]


def test_losses_stand_over_epochs() -> None:
    lines = {line.name: (list(line.x), list(line.y)) for line in loss_lines(METRICS, split="val")}
    assert lines == {
        "step": ([0.5, 1.0, 1.5], [2.0, 1.5, 1.0]),
        "train": ([1, 2], [1.75, 1.0]),
        "held out": ([1, 2], [1.6, 1.2]),
    }


def test_accuracies_are_in_percent() -> None:
    lines = {line.name: list(line.y) for line in score_lines(METRICS, ACCURACY, split="val")}
    assert lines["train"] == pytest.approx([50, 70])
    assert lines["held out"] == pytest.approx([60, 80])


def test_other_scores_are_as_they_are_with_gaps_where_they_are_not_defined() -> None:
    r2 = Metric("r2", "R2", share=False)
    epochs = [
        {"kind": "epoch", "epoch": n, "step": 2 * n, "train_r2": 0.5 * n, "val_r2": value}
        for n, value in ((1, None), (2, -0.5))
    ]
    lines = {line.name: list(line.y) for line in score_lines(epochs, r2, split="val")}
    assert lines["train"] == [0.5, 1.0]
    assert lines["held out"] == [pytest.approx(float("nan"), nan_ok=True), -0.5]
    assert ElementTree.fromstring(draw(score_lines(epochs, r2, split="val"))).tag.endswith("svg")


def test_without_a_watched_split_there_is_one_line_less() -> None:
    assert [line.name for line in loss_lines(METRICS, split=None)] == ["step", "train"]


def test_a_run_of_no_lines_can_be_drawn() -> None:
    assert ElementTree.fromstring(draw(loss_lines([], split=None))).tag.endswith("svg")


def test_one_record_gives_one_drawing_byte_for_byte() -> None:
    assert draw(loss_lines(METRICS, split="val")) == draw(loss_lines(METRICS, split="val"))
