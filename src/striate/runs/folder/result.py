"""model/: the trained network as safetensors, with a config.json in the shape Hugging Face and timm read."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from torch import Tensor, nn

from striate.errors import DataError, command
from striate.host.durable import read_folder, storage_errors, write_folder
from striate.runs.folder.checkpoint import tensor_bytes
from striate.runs.folder.recipe import FORMAT, Recipe
from striate.tasks.calibration import Calibration

MODEL = "model"
FILES = ("model.safetensors", "config.json")
# How a picture becomes square -> what timm calls it; 'border' too fills with the rounded mean.
CROP_MODES = {"crop": "center", "squash": "squash", "pad": "border"}


def save_result(
    folder: Path, model: nn.Module, recipe: Recipe, classes: tuple[str, ...], calibration: Calibration
) -> None:
    """Write model/ into a run folder, whole or not at all; raises StorageError where the disk is full."""
    config = json.dumps(config_of(recipe, classes, calibration), ensure_ascii=False, indent=2)
    contents = (tensor_bytes(model.state_dict()), config.encode())
    with storage_errors(folder / MODEL, f"run: {command('resume', folder)}"):
        write_folder(folder / MODEL, dict(zip(FILES, contents, strict=True)))


def has_result(folder: Path) -> bool:
    """Say whether the run in a folder has been trained to its end."""
    return (folder / MODEL).is_dir()


def load_result(folder: Path) -> Mapping[str, Tensor]:
    """Return the trained weights of a run; raises DataError where there are none yet, or they have changed."""
    if not has_result(folder):
        raise DataError(
            f"{folder}: the run has not finished, so it has no model yet. "
            f"Finish it with: {command('resume', folder)}"
        )
    weights, _ = read_folder(folder / MODEL, FILES).values()
    try:
        return tensors_from_bytes(weights)
    except SafetensorError as error:
        raise DataError(
            f"{folder / MODEL / FILES[0]}: not readable ({error}). Restore it from a copy."
        ) from error


def load_calibration(folder: Path) -> Calibration:
    """Return the calibration in a run's config.json.

    Where the run has not finished or was not calibrated it changes nothing. Raises DataError where config.json is
    broken.
    """
    path = folder / MODEL / FILES[1]
    if not has_result(folder):
        return Calibration()
    try:
        told = json.loads(path.read_text(encoding="utf-8"))["striate"].get("calibration", {})
        return Calibration(
            temperature=float(told.get("temperature", 1)),
            threshold=float(told.get("threshold", 0)),
            thresholds=tuple(map(float, told.get("thresholds", ()))),
            images=int(told.get("images", 0)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not readable ({error}). Restore it from a copy.") from error


def config_of(recipe: Recipe, classes: tuple[str, ...], calibration: Calibration) -> dict[str, Any]:
    """Return config.json: network, classes, task, calibration, and the preprocessing that belongs to the weights."""
    preprocess = recipe.preprocess
    return {
        "architecture": recipe.net,
        "num_classes": len(classes),
        "label_names": list(classes),
        "pretrained_cfg": {
            "input_size": [preprocess.channels, *preprocess.size],
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": CROP_MODES[preprocess.fit],
            "mean": list(preprocess.mean),
            "std": list(preprocess.std),
        },
        "striate": {
            "format": FORMAT,
            "task": recipe.task,
            "depth": preprocess.depth,
            **_scale(recipe),
            **({"calibration": asdict(calibration)} if calibration.images else {}),
        },
    }


def _scale(recipe: Recipe) -> dict[str, Any]:
    """Return the mean and standard deviation of each target to measure; nothing for classes and labels."""
    return {"targets": asdict(recipe.targets)} if recipe.targets.mean else {}
