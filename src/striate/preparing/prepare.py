"""Preparing a run: its pictures are read, and every setting left open is chosen."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from striate.data.loader import Loader
from striate.data.relabel import relabel
from striate.data.store.reader import MEMORY_SHARE, Reader
from striate.data.store.store import Store, mean_and_std
from striate.errors import DataError, UsageError
from striate.host.memory import memory
from striate.learning.dropout import set_dropout
from striate.learning.optim import refuse_without_filters
from striate.nets.blueprint import Blueprint, check_name
from striate.nets.catalog.catalog import CATALOG
from striate.nets.own_code import is_in_file, keep
from striate.nets.weights.pretrained import start_from
from striate.nets.weights.published import PUBLISHED, published
from striate.pictures.preprocess import Preprocess
from striate.preparing.choice import DEFAULT_NET, Chosen, Facts, choose_plan, refuse_unused
from striate.preparing.fitness import refuse_unfit
from striate.preparing.prepared import Prepared
from striate.preparing.reading import (
    choose_input,
    mean_colour,
    read_splits,
    refuse_unwritable_names,
    split_source,
)
from striate.preparing.settings import Settings
from striate.progress import Progress
from striate.runs.folder.manifest import listed_pictures, manifest_of, refuse_changed
from striate.runs.folder.recipe import Recipe
from striate.runs.run import THREADS, Run
from striate.sources.opening import open_source, place_of
from striate.sources.source import Pictures, Source
from striate.sources.targets.kind import refuse_other_task
from striate.tasks.catalog import TASKS, make_task
from striate.tasks.task import Scale
from striate.tracing.summary import summary

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)


def prepare(data: str | Path | Source, settings: Settings, progress: Progress) -> Prepared:
    """Read a data set and choose what `settings` leave open, saying every choice to `progress`.

    Raises UsageError for a network that is unknown or cannot be trained on these pictures, DataError for pictures
    that cannot be, StorageError where they do not fit in memory.
    """
    net = _network_asked(settings, progress)
    _refuse_missing_weights(net, settings.weights)
    source = open_source(data, progress=progress)
    own_rule = net in CATALOG and CATALOG[net].rule is not None
    refuse_unused(settings, net=net, own_rule=own_rule, task=source.task)
    refuse_unwritable_names(source)
    splits = split_source(source, settings, progress)
    shape, depth = choose_input(splits["train"], net, settings, progress)
    # Traced by shapes alone, so that a network that does not fit is refused before any picture is decoded.
    blueprint = Blueprint(net, shape, *make_task(source.task, source.classes, scale=Scale()).head)
    summary(blueprint.make, shape, name=net)
    # Without mean and deviation, which are known once the training pictures are read.
    unscaled = Preprocess(size=shape[1:], channels=shape[0], mean=(), std=(), fit=settings.fit, depth=depth)
    if settings.fit == "pad":
        unscaled = _filled(unscaled, net, splits["train"], settings, progress)
    reader = Reader(
        data=place_of(data), root=source.root, threads=settings.threads, progress=progress, pack=settings.pack
    )
    reading = read_splits(splits, source, unscaled, settings, reader)
    recipe, facts = _recipe(blueprint, source, unscaled, reading.stores["train"], settings, reader)
    manifest = manifest_of(source, reading.stores, reading.audit)
    return Prepared(recipe, source.classes, source, manifest, reading.stores, blueprint, facts)


def reread(run: Run, data: str | Path | Source | None, progress: Progress, *, pack: bool = True) -> Prepared:
    """Read the pictures of a run again, from `data` where they have moved.

    Raises DataError where one is gone or has changed, or the network is code that is not trusted here.
    """
    run.refuse_strange_code()
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
    return Prepared(recipe, run.classes, source, run.manifest, stores, run.blueprint)


def _network_asked(settings: Settings, progress: Progress) -> str:
    """Return the recipe's name for the network; the user's own code is copied to the cache folder as it is now."""
    if settings.net is None:
        progress.say(f"net {DEFAULT_NET}: no --net was given")
        return DEFAULT_NET
    if is_in_file(settings.net):
        net = keep(settings.net)
        progress.say(f"net {net}: the code as it is now, a copy of which is kept with the run")
        return net
    check_name(settings.net)
    return settings.net


def _recipe(
    blueprint: Blueprint,
    source: Source,
    unscaled: Preprocess,
    store: Store,
    settings: Settings,
    reader: Reader,
) -> tuple[Recipe, Facts]:
    """Return the recipe with every setting chosen, and the facts the choices rest on; says every choice."""
    net = blueprint.net
    mean, std = _normalisation(net, settings.weights, unscaled, store)
    preprocess = replace(unscaled, mean=mean, std=std)
    model = blueprint.make()
    # Read here too, so that weights that do not fit are refused before a run folder is made.
    given = start_from(model, net, settings.weights) if settings.weights else None
    set_dropout(model, settings.dropout, name=net)
    new_head = given is not None and given.head is not None
    facts = _facts(model, blueprint, source, len(store), settings, new_head=new_head)
    plan, choices = choose_plan(settings, facts)
    refuse_without_filters(plan.optimizer, model, net=net)
    if len(store) * preprocess.row_bytes > MEMORY_SHARE * memory():
        if plan.sampling != "natural":
            raise UsageError(
                f"--sampling {plan.sampling} needs the decoded pictures in half of the memory, and they are more. "
                "Make them smaller with --size, or let rare classes count more with --class-weights."
            )
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
        targets=TASKS[source.task].scale_of(store.labels),
    )
    refuse_unfit(model, blueprint, recipe, Loader(store=store, preprocess=preprocess, batch=plan.batch))
    return recipe, facts


def _facts(
    model: nn.Module,
    blueprint: Blueprint,
    source: Source,
    pictures: int,
    settings: Settings,
    *,
    new_head: bool,
) -> Facts:
    """Return what the choices rest on."""
    channels, height, width = blueprint.input
    entry = CATALOG.get(blueprint.net)
    return Facts(
        pictures=pictures,
        grey=channels == 1,
        side=min(height, width),
        net=blueprint.net,
        normed=any(isinstance(module, NORMS) for module in model.modules()),
        layers=sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model.modules()),
        own_rate=None if entry is None else entry.rate,
        pretrained=settings.weights is not None,
        new_head=new_head,
        task=source.task,
    )


def _filled(
    unscaled: Preprocess, net: str, pictures: Pictures, settings: Settings, progress: Progress
) -> Preprocess:
    """Return how pictures are padded: with a mean that has to be known before the first of them is stored."""
    if (stated := _stated(net, settings.weights, unscaled.channels)) is not None:
        mean, reason = stated[0], "the mean that network or weights are used to"
    else:
        mean, reason = mean_colour(pictures, unscaled), "the mean of some of the pictures"
    filled = replace(unscaled, mean=mean)
    progress.say(f"fill {' '.join(map(str, filled.fill))}: {reason}")
    return filled


def _normalisation(
    net: str, weights: str | None, unscaled: Preprocess, store: Store
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel, by which pictures are normalised.

    They are those the network or its weights were trained with where these are known, else those of the training
    pictures. A mean that pictures are padded with already stays as it is.
    """
    if (stated := _stated(net, weights, unscaled.channels)) is not None:
        return stated
    mean, std = mean_and_std(store)
    return unscaled.mean or mean, std


def _stated(
    net: str, weights: str | None, channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the mean and deviation that the network or the given weights were trained with, or None.

    They are 0 and 1 for a network that takes pixels in 0..1; else those of the given weights, which are known of
    published ones and of a file with a config.json beside it, as every run's model/ has.
    """
    if net in CATALOG and CATALOG[net].unit_pixels:
        return (0.0,) * channels, (1.0,) * channels
    beside = None if weights in (None, "imagenet") else _stated_beside(Path(weights))
    if beside is not None:
        return _of_channels(beside[0], channels), _of_channels(beside[1], channels)
    if weights and net in PUBLISHED:
        return _of_channels(PUBLISHED[net].mean, channels), _of_channels(PUBLISHED[net].std, channels)
    return None


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
