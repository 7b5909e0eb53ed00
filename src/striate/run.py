"""A run folder, read back: the network, what it scored, and predictions through the same preprocessing."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load as tensors_from_bytes
from torch import nn

from striate.data.decode import BadPicture
from striate.data.loader import Loader
from striate.data.manifest import Manifest, listed_pictures, load_manifest
from striate.data.pictures import Source
from striate.data.preprocess import Preprocess
from striate.data.progress import Progress, Silent
from striate.data.source import open_source
from striate.data.store import Store, fill
from striate.errors import DataError, UsageError
from striate.network import make_network
from striate.tasks.classification import Classification, Guess
from striate.tasks.scores import Scores, evaluate
from striate.training.checkpoint import read_folder
from striate.training.recipe import Recipe, load_recipe

Picture = str | Path | Image.Image | NDArray[np.uint8]
# Pictures evaluated at a time, and the threads that decode them.
EVALUATED_AT_ONCE = 256
THREADS = 4


class Run:
    """A finished run. Everything is read from its folder when first asked for; nothing is ever written there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe: Recipe = load_recipe(folder / "recipe.toml")

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The class names, in the order of the network's outputs."""
        names: dict[str, str] = json.loads((self.folder / "classes.json").read_text(encoding="utf-8"))
        return tuple(names[str(i)] for i in range(len(names)))

    @cached_property
    def manifest(self) -> Manifest:
        """What the run read: data.json."""
        return load_manifest(self.folder / "data.json")

    @cached_property
    def environment(self) -> dict[str, Any]:
        """The machine and the versions the run was made with: env.json."""
        values: dict[str, Any] = json.loads((self.folder / "env.json").read_text(encoding="utf-8"))
        return values

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; a torn last line is left out."""
        return read_metrics(self.folder / "metrics.jsonl")

    def summary(self) -> dict[str, Any]:
        """Return the run in short: folder, network, classes, and the result's split, accuracy and loss."""
        result = next((line for line in reversed(self.metrics) if line["kind"] == "result"), None)
        kept = (
            None
            if result is None
            else {name: result[name] for name in ("split", "accuracy", "loss", "images")}
        )
        return {
            "run": str(self.folder),
            "net": self.recipe.net,
            "classes": list(self.classes),
            "result": kept,
        }

    @property
    def preprocess(self) -> Preprocess:
        """The one way from a picture to this network's input."""
        return self.recipe.preprocess

    @cached_property
    def model(self) -> nn.Module:
        """The trained network, in eval mode."""
        if not (self.folder / "model").is_dir():
            raise DataError(
                f"{self.folder}: the run has not finished, so it has no model yet. "
                f"Finish it with: striate resume {self.folder}"
            )
        model = self.fresh_model()
        model.load_state_dict(tensors_from_bytes(read_folder(self.folder / "model")["model.safetensors"]))
        return model.eval()

    def fresh_model(self) -> nn.Module:
        """Return the run's network with new weights drawn from the run's seed."""
        torch.manual_seed(self.recipe.seed)
        shape = (self.preprocess.channels, *self.preprocess.size)
        return make_network(self.recipe.net, num_classes=len(self.classes), input=shape)

    def predict(self, picture: Picture, *, top: int = 5) -> list[Guess]:
        """Return the `top` likeliest classes of a path, a Pillow image or a uint8 array (H, W[, C]), likeliest first.

        Raises DataError where the picture cannot be read.
        """
        encoded = Path(picture).read_bytes() if isinstance(picture, str | Path) else picture
        try:
            pixels = torch.from_numpy(self.preprocess.pixels(encoded))
        except BadPicture as error:
            name = picture if isinstance(picture, str | Path) else "the picture"
            raise DataError(f"{name}: cannot be read ({error}).") from error
        with torch.inference_mode():
            logits = self.model(self.preprocess.normalise(pixels[None]))
        return Classification(self.classes).guesses(logits, top=top)[0]

    def evaluate(
        self, data: str | Path | None = None, *, split: str | None = None, progress: Progress | None = None
    ) -> Scores:
        """Return the scores on a split of other data, or of the run's own: test, else val, else everything.

        Raises DataError where the data have a class the network does not know.
        """
        return self.score(self.load(data, split=split, progress=progress))

    def score(self, store: Store) -> Scores:
        """Return the scores on decoded pictures, such as `load` returns."""
        loader = Loader(store, self.preprocess, EVALUATED_AT_ONCE)
        return evaluate(self.model, loader.evaluation(), num_classes=len(self.classes))

    def load(
        self, data: str | Path | None = None, *, split: str | None = None, progress: Progress | None = None
    ) -> Store:
        """Return the decoded pictures of a split, as `evaluate` chooses it, labelled by this run's classes."""
        progress = progress or Silent()
        source = open_source(self.recipe.data if data is None else data)
        if data is None:
            chosen = _split_of(self.manifest.splits, split, source.root)
            pictures = listed_pictures(source, self.manifest, chosen)
        else:
            chosen = _split_of(source.splits, split, source.root)
            pictures = source.splits[chosen]
        progress.begin(f"reading {chosen}", len(pictures))
        store = fill(pictures, self.preprocess, threads=THREADS, progress=progress)
        progress.end()
        if store.bad:
            progress.say(f"{len(store.bad)} of {len(pictures)} pictures cannot be read and are left out")
        if not len(store):
            raise DataError(f"{source.root}: none of the {chosen} pictures can be read.")
        return relabel(store, source, self.classes)


def open_run(path: str | Path) -> Run:
    """Open a run folder; raises DataError where it is none, or is from a newer version of striate."""
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{path}: no such folder. Give a run folder, such as one below runs/.")
    return Run(folder)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the values of each whole line of metrics.jsonl, or none where there is no file yet."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]


def relabel(store: Store, source: Source, classes: tuple[str, ...]) -> Store:
    """Return a store whose labels count in `classes`; raises DataError for a class that is not among them."""
    if source.classes == classes:
        return store
    if unknown := [name for name in source.classes if name not in classes]:
        raise DataError(
            f"{source.root}: class '{unknown[0]}' is not one the network knows. It knows: {', '.join(classes)}."
        )
    places = torch.tensor([classes.index(name) for name in source.classes])
    return Store(store.images, places[store.labels], store.names, store.digests, store.bad)


def _split_of(splits: Mapping[str, object], asked: str | None, root: Path) -> str:
    """Return the split asked for, or the first of test, val, all, train that there is."""
    if asked is None:
        return next(split for split in ("test", "val", "all", "train") if split in splits)
    if asked not in splits:
        raise UsageError(f"{root}: no split '{asked}'. It has: {', '.join(splits)}.")
    return asked
