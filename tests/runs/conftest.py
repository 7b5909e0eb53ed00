"""Run folders made of their files alone, without any training."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from striate.data.augment.augment import PRESETS
from striate.pictures.preprocess import Preprocess
from striate.runs.folder.recipe import Plan, Recipe

PLAN = Plan(
    epochs=4,
    batch=8,
    augment=PRESETS["none"],
    optimizer="nesterov",
    lr=0.1,
    momentum=0.9,
    weight_decay=0.0,
    label_smoothing=0.0,
    schedule="one-cycle",
    layout="contiguous",
    checkpoint_every=0,
)
MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run of so many epochs, the accuracy of each given; `done` says whether it has its result."""

    def make(
        name: str,
        accuracies: list[float],
        *,
        started: str = "2026-11-23T10:00:00+09:00",
        done: bool = True,
        lr: float = 0.1,
        seed: int = 0,
    ) -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        preprocess = Preprocess(size=(8, 8), channels=3, mean=(0.5,) * 3, std=(0.2,) * 3)
        Recipe(
            data="/data/꽃사진",
            net="resnet9",
            weights="",
            seed=seed,
            preprocess=preprocess,
            train=replace(PLAN, lr=lr),
        ).save(folder / "recipe.toml")
        (folder / "classes.json").write_text('{"0": "장미", "1": "tulip"}')
        (folder / "env.json").write_text(json.dumps({"started": started}))
        lines = [
            {"kind": "epoch", "epoch": n, "step": 9 * n, "train_loss": 2 / n, "train_accuracy": a, "seconds": 31.5,
             "val_loss": 1 / n, "val_accuracy": a}
            for n, a in enumerate(accuracies, 1)
        ]  # fmt: skip
        if done:
            lines.append(
                {"kind": "result", "split": "test", "loss": 0.25, "accuracy": accuracies[-1], "images": 8}
            )
            (folder / "model").mkdir()
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return folder

    return make
