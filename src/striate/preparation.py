"""What comes before the first step of a run: its pictures read, and everything left open chosen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from striate.data.draw import ids_of
from striate.data.extras import missing_extras
from striate.data.header import bands_of, depth_of, size_of
from striate.data.labels import label_counts, refuse_other_task, relabel
from striate.data.loader import Loader
from striate.data.manifest import Manifest, listed_pictures, manifest_of, refuse_changed
from striate.data.pictures import Pictures, Source, names_of
from striate.data.pixels import Depth
from striate.data.place import absolute
from striate.data.preprocess import Preprocess
from striate.data.progress import Progress
from striate.data.reader import MEMORY_SHARE, Reader, memory
from striate.data.source import open_source, place_of
from striate.data.split import stratified_split
from striate.data.store import Store, mean_and_std
from striate.errors import DataError, UsageError
from striate.nets.catalog import CATALOG
from striate.nets.published import PUBLISHED, published
from striate.network import check_name, make_network
from striate.run import EVALUATED_AT_ONCE, THREADS, Run
from striate.tasks.make import make_task
from striate.tasks.regression import Scale, scale_of
from striate.tasks.task import AnyTask
from striate.tasks.weights import class_weights
from striate.tracing.summary import summary
from striate.training.choice import (
    DEFAULT_NET,
    Chosen,
    Facts,
    Settings,
    choose_plan,
    choose_side,
    count_layers,
    has_norms,
    refuse_unused,
    resolve_augment,
)
from striate.training.optim import refuse_without_filters
from striate.training.recipe import LAYOUTS, Recipe

Shape = tuple[int, int, int]  # channels, height, width

# Pictures whose headers are read to choose the input, and the share of unreadable ones a run goes on with.
LOOKED_AT = 256
BAD_SHARE = 0.01
SHOWN = 10
# Threads that make large batches ahead of the step they are for.
AHEAD = 2


class Look(NamedTuple):
    """What a picture's header says: its name, shorter side, bands and depth."""

    name: str
    side: int
    bands: int
    depth: Depth


@dataclass(frozen=True)
class Prepared:
    """A run about to start or to go on: its recipe, its classes, what it read, and the decoded pictures by split."""

    recipe: Recipe
    classes: tuple[str, ...]
    source: Source
    manifest: Manifest
    stores: Mapping[str, Store]

    @property
    def task(self) -> AnyTask:
        """What is learned, classes weighed by the training pictures as the recipe says."""
        recipe, labels = self.recipe, self.stores["train"].labels
        return make_task(
            recipe.task,
            self.classes,
            scale=recipe.targets,
            label_smoothing=recipe.train.label_smoothing,
            weights=class_weights(recipe.train.class_weights, labels, len(self.classes)),
        )

    def loader(self, split: str) -> Loader:
        """Return the batches of a split."""
        recipe = self.recipe
        return Loader(
            store=self.stores[split],
            preprocess=recipe.preprocess,
            batch=recipe.train.batch if split == "train" else EVALUATED_AT_ONCE,
            seed=recipe.seed,
            threads=AHEAD,
            layout=LAYOUTS[recipe.train.layout],
            sampling=recipe.train.sampling,
            paged=recipe.train.order == "paged",
        )


def prepare(data: str | Path | Source, settings: Settings, progress: Progress) -> Prepared:
    """Read a data set and choose what `settings` leave open, telling every choice.

    Raises UsageError for a network that is unknown or cannot be trained on these pictures, DataError for pictures
    that cannot be, StorageError where they do not fit in memory.
    """
    net = settings.net or DEFAULT_NET
    check_name(net)
    _refuse_missing_weights(net, settings.weights)
    if settings.net is None:
        progress.say(f"net {net}: no --net was given")
    source = open_source(data, progress=progress)
    own_rule = net in CATALOG and CATALOG[net].rule is not None
    refuse_unused(settings, net=net, own_rule=own_rule, task=source.task)
    _refuse_unwritable_names(source)
    splits = _split(source, seed=settings.seed)
    _tell_unscored(splits, source.classes, progress)
    shape, depth = _choose_input(splits["train"], net, settings, progress)
    # On shapes alone, so that a network that does not fit is refused before anything is read.
    summary(lambda: make_network(net, num_classes=len(source.classes), input=shape), shape, name=net)
    # Before the training pictures are read, nobody knows their mean.
    unscaled = Preprocess(size=shape[1:], channels=shape[0], mean=(), std=(), fit=settings.fit, depth=depth)
    reader = Reader(
        data=place_of(data), root=source.root, threads=settings.threads, progress=progress, pack=settings.pack
    )
    stores = _decode(splits, source, unscaled, settings, reader)
    recipe = _recipe(net, source, unscaled, stores["train"], settings, reader)
    return Prepared(recipe, source.classes, source, manifest_of(source, stores), stores)


def reread(run: Run, data: str | Path | Source | None, progress: Progress, *, pack: bool = True) -> Prepared:
    """Read the pictures of a run again, from `data` where they have moved.

    Raises DataError where one is gone or has changed.
    """
    recipe = run.recipe if data is None else replace(run.recipe, data=place_of(data))
    source = run.source(progress) if data is None else open_source(data, progress=progress)
    reader = Reader(data=recipe.data, root=source.root, threads=THREADS, progress=progress, pack=pack)
    stored = {"train": recipe.preprocess.enlarged(recipe.train.augment.margin)}
    refuse_other_task(source, recipe.task)
    stores = {}
    for split, listed in run.manifest.splits.items():
        if len(listed):
            pictures = listed_pictures(source, run.manifest, split)
            store = reader.store(split, pictures, stored.get(split, recipe.preprocess))
            refuse_changed(run.manifest, split, store)
            # Classes are numbered as when the run began, also where a class folder has been added since.
            stores[split] = relabel(store, source, run.classes, recipe.task)
    return Prepared(recipe, run.classes, source, run.manifest, stores)


def _refuse_unwritable_names(source: Source) -> None:
    """Raise DataError for a name the run folder could not hold, since its files are UTF-8."""
    for name in (absolute(source.root), *source.classes):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{source.root}: the name {name!a} is not UTF-8. Rename the folder.") from error


def _split(source: Source, *, seed: int) -> Mapping[str, Pictures]:
    """Return the splits of a data set; one that has none is split by the seed."""
    splits = source.splits
    if splits.keys() in ({"all"}, {"train"}):
        (pictures,) = splits.values()
        ids = ids_of(names_of(pictures))
        splits = stratified_split(pictures, ids, seed=seed)
    if not len(splits.get("train", ())):
        raise DataError(f"{source.root}: no pictures to train on; those of train/ are missing.")
    return splits


def _tell_unscored(splits: Mapping[str, Pictures], classes: tuple[str, ...], progress: Progress) -> None:
    """Say which classes or labels no held-out picture will score, as a class of one or two pictures has none."""
    held_out = [split for split in ("val", "test") if split in splits and len(splits[split])]
    if not held_out:
        progress.say("note: no picture is held out, so the network will not be scored")
        return
    counts = label_counts(splits[held_out[-1]].labels, len(classes))
    thin = [name for name, count in zip(classes, counts, strict=True) if count == 0]
    if thin:
        more = f" and {len(thin) - SHOWN} more" if len(thin) > SHOWN else ""
        progress.say(f"note: no {held_out[-1]} picture of {', '.join(thin[:SHOWN])}{more}, so not scored")


def _choose_input(
    pictures: Pictures, net: str, settings: Settings, progress: Progress
) -> tuple[Shape, Depth]:
    """Return the network's input and the bits it is kept in, chosen from the headers of some pictures."""
    looks = _look(pictures)
    channels = _channels(looks)
    own = CATALOG[net].input[1] if net in CATALOG and net != DEFAULT_NET else None
    median = int(np.median([look.side for look in looks])) if looks else 1
    side, reason = choose_side(size=settings.size, median=median, own=own)
    if settings.size is None:
        progress.say(f"size {side}: {reason}")
    if channels not in (1, 3):
        progress.say(f"channels {channels}: the pictures have so many bands")
    deep = bool(looks) and all(look.depth == 16 for look in looks)
    depth = settings.depth or (16 if deep else 8)
    if settings.depth is None and deep:
        progress.say("depth 16: every picture looked at has more than 8 bits a value")
    return (channels, side, side), depth


def _look(pictures: Pictures) -> list[Look]:
    """Return what the headers of some pictures spread over the set say."""
    looks = []
    for index in np.unique(np.linspace(0, len(pictures) - 1, LOOKED_AT).astype(int)):
        try:
            encoded = pictures.read(int(index))
        except OSError:
            continue
        if (size := size_of(encoded)) is not None and (bands := bands_of(encoded)) is not None:
            looks.append(Look(pictures.name(int(index)), min(size), bands, depth_of(encoded)))
    return looks


def _channels(looks: Sequence[Look]) -> int:
    """Return 1 if all pictures are grey, N if all have N bands, and otherwise 3.

    Raises DataError where some have bands that are neither grey nor colour, and others have not as many.
    """
    first = {look.bands: look.name for look in reversed(looks)}
    others = sorted(first.keys() - {1, 3})
    if len(first) > 1 and others:
        bands, other = others[0], next(bands for bands in sorted(first) if bands != others[0])
        raise DataError(
            f"{first[bands]} has {bands} bands, {first[other]} has {other}: a network takes pictures of one kind. "
            "Leave out the fewer ones, or make all of them alike."
        )
    return next(iter(first)) if len(first) == 1 else 3


def _decode(
    splits: Mapping[str, Pictures],
    source: Source,
    unscaled: Preprocess,
    settings: Settings,
    reader: Reader,
) -> dict[str, Store]:
    """Read and decode every split; too many unreadable pictures stop the run before it starts."""
    reader.refuse_too_large(sum(map(len, splits.values())), unscaled)
    augment = resolve_augment(
        settings, grey=unscaled.channels == 1, side=min(unscaled.size), task=source.task
    )
    stored = {"train": unscaled.enlarged(augment.margin)}
    stores = {
        split: reader.store(split, pictures, stored.get(split, unscaled))
        for split, pictures in splits.items()
        if len(pictures)
    }
    for note in source.notes:
        reader.progress.say(f"note: {note}")
    _report_bad(source, stores, settings, reader.progress)
    return stores


def _report_bad(source: Source, stores: Mapping[str, Store], settings: Settings, progress: Progress) -> None:
    """Name the pictures that were left out; raise DataError where they are too many."""
    bad = [bad for store in stores.values() for bad in store.bad]
    total = sum(len(store) for store in stores.values()) + len(bad)
    if not bad:
        return
    lines = [f"  {b.name}: {b.reason}" for b in bad[:SHOWN]]
    lines += [f"  and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else []
    listed = "\n".join(lines)
    missing = "".join(f"\n{line}" for line in missing_extras(b.reason for b in bad))
    if len(stores["train"]) == 0:
        raise DataError(f"{source.root}: none of the training pictures can be read:\n{listed}{missing}")
    if len(bad) > total * BAD_SHARE and not settings.allow_bad:
        raise DataError(
            f"{source.root}: {len(bad)} of {total} pictures cannot be read, more than 1 %:\n{listed}\n"
            f"Mend or remove them, or train without them: --allow-bad{missing}"
        )
    progress.say(f"left out {len(bad)} of {total} pictures that cannot be read:\n{listed}")


def _recipe(
    net: str, source: Source, unscaled: Preprocess, store: Store, settings: Settings, reader: Reader
) -> Recipe:
    """Return the recipe, every open setting chosen and every choice told."""
    channels, (height, width) = unscaled.channels, unscaled.size
    entry = CATALOG.get(net)
    mean, std = _normalisation(net, settings.weights, unscaled.channels, store)
    preprocess = replace(unscaled, mean=mean, std=std)
    model = make_network(net, num_classes=len(source.classes), input=(channels, height, width))
    facts = Facts(
        pictures=len(store),
        grey=channels == 1,
        side=min(height, width),
        net=net,
        normed=has_norms(model),
        layers=count_layers(model),
        own_rate=None if entry is None else entry.rate,
        pretrained=settings.weights is not None,
        task=source.task,
    )
    plan, choices = choose_plan(settings, facts)
    refuse_without_filters(plan.optimizer, model, net=net)
    if len(store) * preprocess.row_bytes > MEMORY_SHARE * memory():
        plan = replace(plan, order="paged")
        choices.append(Chosen("order", "paged", "the decoded pictures are more than half of the memory"))
    for choice in choices:
        reader.progress.say(str(choice))
    recipe = Recipe(
        data=reader.data,
        net=net,
        weights=_place_of(settings.weights),
        seed=settings.seed,
        preprocess=preprocess,
        train=plan,
        task=source.task,
        targets=scale_of(store.labels) if source.task == "regression" else Scale(),
    )
    _refuse_too_small_batches(model, recipe, Loader(store=store, preprocess=preprocess, batch=plan.batch))
    return recipe


def _normalisation(
    net: str, weights: str | None, channels: int, store: Store
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation: those the given weights were trained with where they are known, else the pictures'.

    They are known of the published weights, and of a file with a config.json beside it, as every run's model/ has.
    """
    if net in CATALOG and CATALOG[net].unit_pixels:
        return (0.0,) * channels, (1.0,) * channels
    beside = None if weights in (None, "imagenet") else _stated_beside(Path(weights))
    if beside is not None:
        return _of_channels(beside[0], channels), _of_channels(beside[1], channels)
    if weights and net in PUBLISHED:
        return _of_channels(PUBLISHED[net].mean, channels), _of_channels(PUBLISHED[net].std, channels)
    return mean_and_std(store)


def _stated_beside(weights: Path) -> tuple[list[float], list[float]] | None:
    """Return mean and deviation of a config.json beside a weights file, or None where it does not say them."""
    try:
        values = json.loads(weights.with_name("config.json").read_text(encoding="utf-8"))["pretrained_cfg"]
        mean, std = ([float(value) for value in values[name]] for name in ("mean", "std"))
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is another program's
        return None
    return (mean, std) if mean and std and min(std) > 0 else None


def _of_channels(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Return one value a channel; where the counts differ, their mean in each."""
    return tuple(values) if len(values) == channels else (sum(values) / len(values),) * channels


def _refuse_missing_weights(net: str, weights: str | None) -> None:
    """Raise before anything is read where the weights to start from are not there."""
    if weights == "imagenet":
        published(net)
    elif weights is not None and not Path(weights).is_file():
        raise DataError(
            f"{weights}: no such file. Give a .safetensors or .pth file as weights, or 'imagenet'."
        )


def _place_of(weights: str | None) -> str:
    """Return how a recipe names the weights a network starts from."""
    return "" if weights is None else weights if weights == "imagenet" else str(Path(weights).resolve())


def _refuse_too_small_batches(model: nn.Module, recipe: Recipe, loader: Loader) -> None:
    """Raise UsageError where the smallest batch of an epoch is too small for the network, as 1 is for batch norms."""
    smallest = min(2, len(loader.store) - (loader.steps - 1) * loader.batch)
    shape = (recipe.preprocess.channels, *recipe.preprocess.size)
    try:
        with torch.no_grad():
            model.train()(torch.zeros(smallest, *shape))
    except (ValueError, RuntimeError) as error:
        raise UsageError(
            f"{recipe.net} cannot be trained on a batch of {smallest} at {'x'.join(map(str, shape))}, the smallest of "
            f"an epoch: {error}. Give another --batch than {loader.batch}."
        ) from error
