"""model/: the trained network as safetensors, with a config.json in the shape Hugging Face and timm read."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save as tensors_to_bytes
from torch import nn

from striate.training.checkpoint import storage_errors, write_folder
from striate.training.recipe import FORMAT, Recipe


def save_result(folder: Path, model: nn.Module, recipe: Recipe, classes: tuple[str, ...]) -> None:
    """Write model/ into a run folder, whole or not at all; raises StorageError where the disk is full."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    config = json.dumps(config_of(recipe, classes), ensure_ascii=False, indent=2)
    files = {"model.safetensors": tensors_to_bytes(tensors), "config.json": config.encode()}
    with storage_errors(folder / "model"):
        write_folder(folder / "model", files)


def config_of(recipe: Recipe, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return config.json: network, classes, and the preprocessing that belongs to the weights."""
    preprocess = recipe.preprocess
    return {
        "architecture": recipe.net,
        "num_classes": len(classes),
        "label_names": list(classes),
        "pretrained_cfg": {
            "input_size": [preprocess.channels, *preprocess.size],
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "crop_mode": {"crop": "center", "squash": "squash"}[preprocess.fit],
            "mean": list(preprocess.mean),
            "std": list(preprocess.std),
        },
        "striate": {"format": FORMAT},
    }
