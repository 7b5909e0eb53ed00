"""Training jobs of a moment: sixteen dark and bright squares, and a linear network that tells them apart."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stores import store_of
from torch import nn

from striate.data.augment.augment import Augment
from striate.data.loader import Loader
from striate.data.store.store import Store
from striate.learning.rule import LearningRule
from striate.pictures.preprocess import Preprocess
from striate.progress import Progress, Silent
from striate.runs.folder.recipe import Plan, Recipe
from striate.tasks.classification import Classification
from striate.training.loop import Job

PREPROCESS = Preprocess(size=(4, 4), channels=1, mean=(0.5,), std=(0.25,))


class Heard(Silent):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def store(count: int = 16) -> Store:
    """Dark and bright squares, told apart by their mean."""
    labels = np.arange(count) % 2
    noise = np.random.default_rng(0).integers(0, 60, (count, 1, 4, 4))
    images = torch.from_numpy((labels.reshape(-1, 1, 1, 1) * 150 + noise).astype(np.uint8))
    return store_of(images, torch.from_numpy(labels))


def job(
    folder: Path,
    *,
    rule: Callable[[nn.Module], LearningRule] | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Job:
    """A run of three epochs of four steps, in a folder that is there; `changes` are of its Plan."""
    plan: dict[str, Any] = {
        "epochs": 3, "batch": 4, "augment": Augment(), "optimizer": "sgd", "lr": 0.1, "momentum": 0.0,
        "weight_decay": 0.0, "label_smoothing": 0.0, "schedule": "constant", "layout": "contiguous",
        "checkpoint_every": 0,
    }  # fmt: skip
    recipe = Recipe(data="", net="", weights="", seed=0, preprocess=PREPROCESS, train=Plan(**plan | changes))
    loader = Loader(store=store(), preprocess=PREPROCESS, batch=recipe.train.batch)
    test = ("test", Loader(store=store(), preprocess=PREPROCESS, batch=256))
    return Job(
        recipe=recipe,
        task=Classification(("dark", "bright")),
        train=loader,
        watched=test,
        final=test,
        folder=folder,
        progress=progress or Silent(),
        rule=rule,
    )


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Return the lines of a kind in a run's metrics.jsonl."""
    read = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line for line in read if line["kind"] == kind]


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
