"""What the command line and `import striate` do: train a network on a folder of pictures, and go on with a run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from pathlib import Path

import numpy as np
from torch import nn

from striate.data.decode import is_grey, size_of
from striate.data.loader import Loader
from striate.data.manifest import listed_pictures, load_manifest, manifest_of, refuse_changed
from striate.data.pictures import Pictures, Source
from striate.data.preprocess import Preprocess
from striate.data.progress import Progress, Silent
from striate.data.source import BUNDLED, open_source
from striate.data.split import stratified_split
from striate.data.store import Store, fill, ids_of, mean_and_std
from striate.errors import DataError, UsageError
from striate.look.report import write_report
from striate.nets.catalog import CATALOG
from striate.network import make_network
from striate.run import EVALUATED_AT_ONCE, THREADS, Run, open_run
from striate.tasks.classification import Classification
from striate.training.choice import DEFAULT_NET, Facts, Settings, choose_plan, choose_side
from striate.training.environment import environment
from striate.training.guard import only_writer
from striate.training.loop import Job, fit
from striate.training.recipe import Recipe
from striate.training.result import save_result

# Pictures whose headers are read to choose the input, and the share of unreadable ones a run goes on with.
LOOKED_AT = 256
BAD_SHARE = 0.01
BAD_SHOWN = 10
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)


@dataclass(frozen=True)
class Prepared:
    """A run about to start or to go on: its recipe, its classes and its decoded pictures, split by split."""

    recipe: Recipe
    classes: tuple[str, ...]
    stores: Mapping[str, Store]


def train(
    data: str | Path,
    *,
    net: str | None = None,
    epochs: int | None = None,
    settings: Settings | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train a network on a data set and return the finished run.

    `data` is a folder of class folders, flat or below train/, val/ and test/, an IDX folder, or 'fashion'. What
    `settings` leave open is chosen from the data. The run folder is `out`, or runs/<date>-<net>-<data>.
    Raises UsageError, DataError, StorageError, DivergedError or Interrupted.
    """
    settings = settings or Settings()
    settings = replace(
        settings, net=net or settings.net, epochs=epochs if epochs is not None else settings.epochs
    )
    progress = progress or Silent()
    source = open_source(data)
    splits = _split(source, seed=settings.seed)
    input_shape = _choose_input(splits["train"], settings, progress)
    name = settings.net or DEFAULT_NET
    make_network(name, num_classes=len(source.classes), input=input_shape)
    stores = _decode(splits, source, input_shape, settings=settings, progress=progress)
    recipe = _recipe(str(data), name, stores["train"], settings, progress)
    folder = _new_folder(out, name, source)
    _write_facts(folder, source, stores, recipe)
    return _finish(folder, Prepared(recipe, source.classes, stores), progress)


def resume(folder: str | Path, *, data: str | Path | None = None, progress: Progress | None = None) -> Run:
    """Go on with a run from its last checkpoint, bit for bit as if it had not stopped, and return it finished.

    `data` says where the data set is now, if it has moved. Raises DataError where its pictures have changed.
    """
    progress = progress or Silent()
    run = open_run(folder)
    recipe = run.recipe if data is None else replace(run.recipe, data=str(Path(data).resolve()))
    source, manifest = open_source(recipe.data), load_manifest(run.folder / "data.json")
    stores = {}
    for split in manifest.splits:
        pictures = listed_pictures(source, manifest, split)
        progress.begin(f"reading {split}", len(pictures))
        stores[split] = fill(pictures, recipe.preprocess, threads=THREADS, progress=progress)
        progress.end()
        refuse_changed(manifest, split, stores[split])
    return _finish(run.folder, Prepared(recipe, run.classes, stores), progress)


def _split(source: Source, *, seed: int) -> Mapping[str, Pictures]:
    """Return the splits of a data set; one that has none is split by the seed."""
    if "all" not in source.splits:
        return source.splits
    pictures = source.splits["all"]
    ids = ids_of(tuple(pictures.name(i) for i in range(len(pictures))))
    return stratified_split(pictures, ids, seed=seed)


def _choose_input(pictures: Pictures, settings: Settings, progress: Progress) -> tuple[int, int, int]:
    """Return (channels, height, width) of the network's input, chosen from the headers of some pictures."""
    grey, side = _look(pictures)
    name = settings.net or DEFAULT_NET
    if settings.net is None:
        progress.say(f"net {name}: no --net was given")
    own = CATALOG[name].input[1] if name in CATALOG and name != DEFAULT_NET else None
    chosen = choose_side(size=settings.size, median=side, own=own)
    if settings.size is None:
        progress.say(str(chosen))
    return (1 if grey else 3), int(str(chosen.value)), int(str(chosen.value))


def _look(pictures: Pictures) -> tuple[bool, int]:
    """Return whether all of some pictures spread over the set are grey, and their median shorter side."""
    greys, sides = [], []
    for index in np.unique(np.linspace(0, len(pictures) - 1, LOOKED_AT).astype(int)):
        try:
            encoded = pictures.read(int(index))
        except OSError:
            continue
        if (size := size_of(encoded)) is not None:
            greys.append(is_grey(encoded))
            sides.append(min(size))
    return all(greys) and bool(greys), int(np.median(sides)) if sides else 1


def _decode(
    splits: Mapping[str, Pictures],
    source: Source,
    shape: tuple[int, int, int],
    *,
    settings: Settings,
    progress: Progress,
) -> dict[str, Store]:
    """Read and decode every split; too many unreadable pictures stop the run before it starts."""
    unscaled = Preprocess(
        size=shape[1:], channels=1 if shape[0] == 1 else 3, mean=(), std=(), fit=settings.fit
    )
    stores = {}
    for split, pictures in splits.items():
        if len(pictures) == 0:
            continue
        progress.begin(f"reading {split}", len(pictures))
        stores[split] = fill(pictures, unscaled, threads=settings.threads, progress=progress)
        progress.end()
    for note in source.notes:
        progress.say(f"note: {note}")
    _report_bad(source, stores, settings, progress)
    return stores


def _report_bad(source: Source, stores: Mapping[str, Store], settings: Settings, progress: Progress) -> None:
    """Name the pictures that were left out; raise DataError where they are too many."""
    bad = [bad for store in stores.values() for bad in store.bad]
    total = sum(len(store) for store in stores.values()) + len(bad)
    if not bad:
        return
    lines = [f"  {b.name}: {b.reason}" for b in bad[:BAD_SHOWN]]
    lines += [f"  and {len(bad) - BAD_SHOWN} more"] if len(bad) > BAD_SHOWN else []
    listed = "\n".join(lines)
    if len(stores["train"]) == 0 or (len(bad) > total * BAD_SHARE and not settings.allow_bad):
        raise DataError(
            f"{source.root}: {len(bad)} of {total} pictures cannot be read, more than 1 %:\n{listed}\n"
            "Mend or remove them, or train without them: --allow-bad"
        )
    progress.say(f"left out {len(bad)} of {total} pictures that cannot be read:\n{listed}")


def _recipe(data: str, net: str, store: Store, settings: Settings, progress: Progress) -> Recipe:
    """Return the recipe, every open setting chosen and every choice told."""
    channels, height, width = store.images.shape[1:]
    mean, std = mean_and_std(store.images.numpy())
    preprocess = Preprocess(
        size=(height, width), channels=1 if channels == 1 else 3, mean=mean, std=std, fit=settings.fit
    )
    model = make_network(net, num_classes=2, input=(channels, height, width))
    normed = any(isinstance(module, NORMS) for module in model.modules())
    plan, choices = choose_plan(
        settings, Facts(pictures=len(store), grey=channels == 1, net=net, normed=normed)
    )
    for choice in choices:
        progress.say(str(choice))
    place = data if data in BUNDLED and not Path(data).exists() else str(Path(data).resolve())
    return Recipe(data=place, net=net, seed=settings.seed, preprocess=preprocess, train=plan)


def _new_folder(out: str | Path | None, net: str, source: Source) -> Path:
    """Make the run folder; one that is there and not empty is refused."""
    if out is not None:
        folder = Path(out)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                f"{folder}: already there. Give another --out, or go on with it: striate resume {folder}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    stem = f"{date.today():%Y-%m-%d}-{net if net in CATALOG else 'spec'}-{source.root.resolve().name}"
    folder = next(f for i in count(1) if not (f := Path("runs", stem if i == 1 else f"{stem}-{i}")).exists())
    folder.mkdir(parents=True)
    return folder


def _write_facts(folder: Path, source: Source, stores: Mapping[str, Store], recipe: Recipe) -> None:
    """Write what is known before the first step: classes, data, environment and, last, the recipe."""
    names = {str(i): name for i, name in enumerate(source.classes)}
    (folder / "classes.json").write_text(json.dumps(names, ensure_ascii=False, indent=1), encoding="utf-8")
    manifest_of(source, stores).save(folder / "data.json")
    (folder / "env.json").write_text(json.dumps(environment(seed=recipe.seed), indent=1), encoding="utf-8")
    recipe.save(folder / "recipe.toml")


def _finish(folder: Path, prepared: Prepared, progress: Progress) -> Run:
    """Train to the end, write model/ and the report, and return the run."""
    run, recipe = open_run(folder), prepared.recipe
    loaders = {
        split: Loader(
            store,
            recipe.preprocess,
            recipe.train.batch if split == "train" else EVALUATED_AT_ONCE,
            recipe.seed,
        )
        for split, store in prepared.stores.items()
    }
    held_out = [split for split in ("val", "test") if split in loaders]
    job = Job(
        recipe=recipe,
        task=Classification(prepared.classes, recipe.train.label_smoothing),
        train=loaders["train"],
        watched=(held_out[0], loaders[held_out[0]]) if held_out else None,
        final=(held_out[-1], loaders[held_out[-1]]) if held_out else None,
        folder=folder,
        progress=progress,
    )
    with only_writer(folder):
        model = run.fresh_model()
        fit(model, job)
        save_result(folder, model, recipe, prepared.classes)
    write_report(run, progress=progress)
    return run
