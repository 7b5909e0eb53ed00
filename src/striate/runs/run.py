"""A run folder, read back: the network, what it scored, and predictions through the same preprocessing."""

import json
from collections.abc import Mapping, Sequence, Sized
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from striate.data.loader import Loader
from striate.data.relabel import relabel
from striate.data.store.reader import Reader
from striate.data.store.store import Store
from striate.declared import at_least
from striate.errors import DataError, StorageError, UsageError, command
from striate.host.device import PROCESSOR, device_of
from striate.host.launch import place
from striate.host.memory import NoRoomError
from striate.nets.blueprint import Blueprint
from striate.nets.own_code import FOLDER as CODE
from striate.nets.own_code import Files, is_kept, is_trusted
from striate.nets.own_code import trust as trust_code
from striate.pictures.decode import BadPicture
from striate.pictures.preprocess import Preprocess
from striate.progress import Progress, Silent
from striate.runs.folder.checkpoint import Checkpoint, load_checkpoint
from striate.runs.folder.manifest import Manifest, listed_pictures, load_manifest
from striate.runs.folder.recipe import Recipe, load_recipe
from striate.runs.folder.record import read_record
from striate.runs.folder.recovery import load_recovery
from striate.runs.folder.result import has_result, load_calibration, load_result
from striate.sources.opening import BUNDLED, open_source, place_of
from striate.sources.place import is_there
from striate.sources.source import Source
from striate.sources.targets.kind import TARGET_KINDS, TargetKind, refuse_other_task
from striate.tasks.calibration import Calibration
from striate.tasks.catalog import make_task
from striate.tasks.scoring import Flipped, judged_within
from striate.tasks.task import Answer, AnyTask, Scores

Picture = str | Path | Image.Image | NDArray[np.uint8]
# Pictures in a batch of evaluation, and the threads that decode them.
EVALUATED_AT_ONCE = 256
THREADS = 4


class Run:
    """A run folder, of a run finished or not. Only the recipe is read at once, and nothing is ever written there.

    `data` is the run's data set where that is open already, as one made in Python is; `device` is what it computes on.
    """

    def __init__(self, folder: Path, data: Source | None = None, *, device: torch.device = PROCESSOR) -> None:
        self.folder = folder
        self.device = device
        self.recipe: Recipe = load_recipe(folder / "recipe.toml")
        self._data = data

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of classes, labels or targets, in the order of the network's outputs."""
        names = read_json(self.folder / "classes.json")
        if names.keys() != {str(i) for i in range(len(names))}:
            raise DataError(
                f"{self.folder / 'classes.json'}: does not number its classes. Restore it from a copy."
            )
        return tuple(str(names[str(i)]) for i in range(len(names)))

    @cached_property
    def task(self) -> AnyTask:
        """What the network's outputs mean, with the run's calibration."""
        return make_task(self.recipe.task, self.classes, scale=self.recipe.targets).calibrated(
            self.calibration
        )

    @property
    def kind(self) -> TargetKind:
        """The kind of target the network was trained on."""
        return TARGET_KINDS[self.recipe.task]

    @cached_property
    def calibration(self) -> Calibration:
        """The temperature and the thresholds fitted to the validation pictures."""
        return load_calibration(self.folder)

    @cached_property
    def manifest(self) -> Manifest:
        """What the run read: data.json."""
        return load_manifest(self.folder / "data.json")

    @cached_property
    def environment(self) -> dict[str, Any]:
        """The machine and the versions the run was made with: env.json."""
        return read_json(self.folder / "env.json")

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; a torn last line is left out."""
        return read_record(self.folder / "metrics.jsonl")

    def summary(self) -> dict[str, Any]:
        """Return the run in short: folder, network, classes, and the result's split, loss and scores."""
        result = next((line for line in reversed(self.metrics) if line["kind"] == "result"), None)
        kept = None if result is None else {name: v for name, v in result.items() if name != "kind"}
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
        """The trained network, in eval mode; of a run that has not finished, as its newest checkpoint has it.

        Raises DataError where there is neither, or what there is has changed.
        """
        weights = self._weights
        model = self.fresh_model()
        try:
            model.load_state_dict(dict(weights))
        except RuntimeError as error:
            raise DataError(
                f"{self.folder}: its weights are not those of the network in recipe.toml, "
                f"{self.recipe.net}. Restore both from a copy."
            ) from error
        return model.eval().to(self.device)

    @cached_property
    def stopped_after(self) -> int | None:
        """The step of the checkpoint that an unfinished run has its weights from; None where there is a result."""
        return self._checkpoint.state["step"] if self._checkpoint else None

    @property
    def unfinished(self) -> str:
        """A sentence that says which weights are used where the run has not finished; empty where it has."""
        if self.stopped_after is None:
            return ""
        return f"the run has not finished: these are its weights after step {self.stopped_after}"

    @cached_property
    def _checkpoint(self) -> Checkpoint | None:
        """The newest whole checkpoint that is not stale, of a run that has no model/; None where there is none."""
        if has_result(self.folder):
            return None
        counts = load_recovery(self.folder).counts
        return load_checkpoint(self.folder / "checkpoints", counts=counts).checkpoint

    @property
    def _weights(self) -> Mapping[str, Tensor]:
        if self._checkpoint is None:
            return load_result(self.folder)
        return self._checkpoint.model if self._checkpoint.average is None else self._checkpoint.average

    @cached_property
    def blueprint(self) -> Blueprint:
        """The network, yet to be made, with the head that the run's task wants."""
        return Blueprint(self.recipe.net, self.recipe.preprocess.input, *self.task.head)

    def fresh_model(self) -> nn.Module:
        """Return the run's network with new weights drawn from the run's seed.

        Raises DataError where it is code that was not named or trusted on this machine.
        """
        self.refuse_strange_code()
        return self.blueprint.make(seed=self.recipe.seed)

    def refuse_strange_code(self) -> None:
        """Raise DataError where the run's network is code that was not named or trusted on this machine."""
        if is_kept(self.recipe.net) and not is_trusted(self.recipe.net):
            raise DataError(
                f"{self.folder}: its network, {self.recipe.net}, is Python code that was not used on this machine yet, "
                f"and it is not run unasked. Read {self.folder / CODE}, and if you trust it: "
                f"{command('trust', self.folder)}"
            )

    def predict(
        self, picture: Picture, *, top: int | None = None, threshold: float | None = None, flip: bool = False
    ) -> Sequence[Answer]:
        """Return the network's answers for a path, a Pillow image or a uint8 array (H, W[, C]).

        Classification: the `top` likeliest classes, or five, each a Guess, the likeliest first.
        Several labels: those that pass their threshold, or the `top` likeliest, each a Guess, the likeliest first.
        Regression: every target, each an Estimate.

        `threshold` replaces those fitted to the validation pictures: a Guess under it does not pass, and where the
        likeliest class does not, the picture may show none of the classes. With `flip` the mirror image is answered
        too, and probabilities are the mean of both. Raises DataError where the picture cannot be read, UsageError for
        a `threshold` that is no probability, and for `top` or `threshold` in regression.
        """
        if not isinstance(picture, str | Path | Image.Image | np.ndarray):
            raise UsageError(
                f"predict was given a {type(picture).__name__}; it takes one picture: a path, a Pillow image or an "
                "array (H, W) or (H, W, C)."
            )
        top = None if top is None else at_least("top", top, 1)
        if threshold is not None and not 0 <= threshold <= 1:
            raise UsageError(f"threshold is {threshold:g}; it must be from 0 to 1.")
        task = self.task if threshold is None else self.task.with_threshold(threshold)
        encoded = read_picture(picture) if isinstance(picture, str | Path) else picture
        try:
            pixels = torch.from_numpy(self.preprocess.pixels(encoded))
        except BadPicture as error:
            name = picture if isinstance(picture, str | Path) else "the picture"
            raise DataError(f"{name}: cannot be read ({error}).") from error
        with torch.inference_mode():
            logits = _network(self.model, task, flip=flip)(
                self.preprocess.normalise(pixels[None].to(self.device))
            )
        return task.guesses(logits, top=top)[0]

    def evaluate(
        self,
        data: str | Path | Source | None = None,
        *,
        split: str | None = None,
        flip: bool = False,
        progress: Progress | None = None,
    ) -> Scores:
        """Return the scores on a split of other data, or of the run's own: test, else val, else everything.

        With `flip` each picture is answered together with its mirror image. Raises DataError where the data have a
        class the network does not know, or are of another kind.
        """
        if self.unfinished and progress:
            progress.say(self.unfinished)
        return self.score(self.load(data, split=split, progress=progress), flip=flip)

    def score(self, store: Store, *, flip: bool = False) -> Scores:
        """Return the scores on decoded pictures, such as `load` returns."""
        loader = Loader(
            store=store,
            preprocess=self.preprocess,
            batch=EVALUATED_AT_ONCE,
            threads=THREADS,
            device=self.device,
        )
        model = _network(self.model, self.task, flip=flip)
        try:
            kept, _ = judged_within(model, loader.evaluation, self.task.judge, at_once=EVALUATED_AT_ONCE)
        except NoRoomError as error:
            raise StorageError(
                f"{self.folder}: not enough memory to score one picture at a time ({error}). "
                "Close other programs and try again."
            ) from None
        return self.task.scores(*kept)

    def source(self, progress: Progress | None = None) -> Source:
        """Return the data set the run was trained on; raises DataError where it is no longer there."""
        if self._data is not None:
            return self._data
        place = self.recipe.data
        if place not in BUNDLED and not is_there(place):
            raise DataError(
                f"{place}: the data set of the run is no longer there. "
                f"If it has moved, say where: {command('resume', self.folder, '--data')} DATA, "
                f"or {command('eval', self.folder)} DATA"
            )
        # The name of a bundled set means that set, even where a folder of the same name stands here now.
        return open_source(BUNDLED.get(place, place), progress=progress)

    def load(
        self,
        data: str | Path | Source | None = None,
        *,
        split: str | None = None,
        progress: Progress | None = None,
    ) -> Store:
        """Return the decoded pictures of a split, as `evaluate` chooses it, labelled by this run's classes."""
        progress = progress or Silent()
        source = (
            self.source(progress) if data is None else open_source(data, to_learn=False, progress=progress)
        )
        refuse_other_task(source, self.recipe.task)
        if data is None:
            chosen = _split_of(self.manifest.splits, split, source.root)
            pictures = listed_pictures(source, self.manifest, chosen)
        else:
            chosen = _split_of(source.splits, split, source.root)
            pictures = source.splits[chosen]
        place = self.recipe.data if data is None else place_of(data)
        reader = Reader(data=place, root=source.root, threads=THREADS, progress=progress, pack=data is None)
        store = reader.store(chosen, pictures, self.preprocess)
        if store.bad:
            progress.say(f"{len(store.bad)} of {len(pictures)} pictures cannot be read and are left out")
        if not len(store):
            raise DataError(f"{source.root}: none of the {chosen} pictures can be read.")
        return relabel(store, source, self.classes, self.recipe.task)


def _network(model: nn.Module, task: AnyTask, *, flip: bool) -> nn.Module:
    return Flipped(model, task).eval() if flip else model


def trust(path: str | Path) -> Files:
    """Let the code of a run's network be run on this machine from now on, and return its files by their names.

    Only code that was named in `--net` here is run without this. Raises UsageError where the network is not code of
    its own, DataError where the run's code is not what its recipe names.
    """
    run = open_run(path)
    if not is_kept(run.recipe.net):
        raise UsageError(f"{path}: its network is {run.recipe.net}, no code of its own. Nothing needs trust.")
    return trust_code(run.recipe.net, run.folder / CODE)


def open_run(path: str | Path, *, data: Source | None = None, device: str = "cpu") -> Run:
    """Open a run folder, with its data set where that is open already, to compute on a device: auto, cpu, cuda...

    Raises DataError where it is none, or is from a newer version of striate, UsageError where there is no such device.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "a file" if folder.exists() else "no such folder"
        raise DataError(f"{path}: {what}. Give a run folder, such as one below runs/.")
    return Run(folder, data, device=device_of(device, place()))


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object of a run folder; raises DataError where it is missing or is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Restore it from a copy.") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: not a JSON object. Restore it from a copy.")
    return values


def read_picture(path: str | Path) -> bytes:
    """Return a file's bytes; raises DataError where it is no readable file."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file.") from error
    except IsADirectoryError as error:
        raise DataError(
            f"{path}: a folder. Give the pictures in it, or score them all with `striate eval`."
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def _split_of(splits: Mapping[str, Sized], asked: str | None, root: Path | str) -> str:
    """Return the split asked for, or the first of test, val, all, train that holds a picture."""
    if asked is None:
        return next((split for split in ("test", "val", "all") if splits.get(split)), "train")
    if asked not in splits:
        raise UsageError(f"{root}: no split '{asked}'. It has: {', '.join(splits)}.")
    return asked
