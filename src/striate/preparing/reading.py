"""Reading a data set before a run: its splits, the input size its pictures call for, their pixels, their audit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from striate.data.audit.audit import Audit, audit
from striate.data.draw import ids_of
from striate.data.split import stratified_split
from striate.data.store.reader import Reader
from striate.data.store.store import Store
from striate.errors import DataError, UsageError, command
from striate.host.extras import missing_extras
from striate.nets.catalog.catalog import CATALOG
from striate.pictures.header import header_of
from striate.pictures.pixels import TOP, BadPicture, Depth
from striate.pictures.preprocess import Preprocess, choose_side
from striate.preparing.choice import DEFAULT_NET, resolve_augment
from striate.preparing.settings import Settings
from striate.progress import Progress
from striate.sources.place import absolute
from striate.sources.source import Pictures, Source, names_of
from striate.sources.targets.kind import TARGET_KINDS

Shape = tuple[int, int, int]  # channels, height, width

# Pictures whose headers are read to choose the input, and of which the colour is taken that pads all of them.
LOOKED_AT = 256
# The share of unreadable pictures a run goes on with.
BAD_SHARE = 0.01
SHOWN = 10


class HeaderFacts(NamedTuple):
    """What a picture's header says: its name, shorter side, bands and depth."""

    name: str
    side: int
    bands: int
    depth: Depth


@dataclass(frozen=True)
class Reading:
    """The decoded pictures of each split and their audit, None for pixels that were never encoded."""

    stores: Mapping[str, Store]
    audit: Audit | None


def refuse_unwritable_names(source: Source) -> None:
    """Raise DataError for a name the run folder could not hold, since its files are UTF-8."""
    for name in (absolute(source.root), *source.classes):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{source.root}: the name {name!a} is not UTF-8. Rename the folder.") from error


def split_source(source: Source, settings: Settings, progress: Progress) -> Mapping[str, Pictures]:
    """Return the splits of a data set, one that has none split by the seed, and say what will not be scored.

    Where a validation split is needed and missing, a tenth of the training pictures becomes one. Raises UsageError
    where there are too few for it, DataError where there are no training pictures.
    """
    splits, seed = source.splits, settings.seed
    if splits.keys() in ({"all"}, {"train"}):
        (pictures,) = splits.values()
        ids = ids_of(names_of(pictures))
        splits = stratified_split(pictures, ids, task=source.task, seed=seed)
    elif (
        len(splits.get("train", ()))
        and not len(splits.get("val", ()))
        and (settings.val or settings.patience)
    ):
        # What is chosen by the test pictures cannot be scored by them.
        ids = ids_of(names_of(splits["train"]))
        divided = stratified_split(splits["train"], ids, task=source.task, seed=seed, test=False)
        splits = {**splits, **divided}
        progress.say(f"val {len(splits['val']):,} pictures: a tenth of those to train on, there being none")
    if settings.patience and not len(splits.get("val", ())):
        raise UsageError("--patience needs pictures held out for val, and these are too few. Leave it out.")
    if not len(splits.get("train", ())):
        raise DataError(f"{source.root}: no pictures to train on; those of train/ are missing.")
    _tell_unscored(splits, source, progress)
    return splits


def _tell_unscored(splits: Mapping[str, Pictures], source: Source, progress: Progress) -> None:
    """Say which classes or labels have no held-out picture to score, as a class of one or two pictures has none."""
    held_out = [split for split in ("val", "test") if split in splits and len(splits[split])]
    if not held_out:
        progress.say("note: no picture is held out, so the network will not be scored")
        return
    counts = TARGET_KINDS[source.task].counts(splits[held_out[-1]].labels, len(source.classes))
    thin = [name for name, count in zip(source.classes, counts, strict=True) if count == 0]
    if thin:
        more = f" and {len(thin) - SHOWN} more" if len(thin) > SHOWN else ""
        progress.say(f"note: no {held_out[-1]} picture of {', '.join(thin[:SHOWN])}{more}, so not scored")


def choose_input(pictures: Pictures, net: str, settings: Settings, progress: Progress) -> tuple[Shape, Depth]:
    """Return the network's input shape and the bits a value, chosen by the headers of some pictures."""
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


def _look(pictures: Pictures) -> list[HeaderFacts]:
    """Return the header facts of up to LOOKED_AT pictures spread evenly over the set."""
    looks = []
    for index in _spread(pictures):
        try:
            encoded = pictures.read(index)
        except OSError:
            continue
        if (header := header_of(encoded)) is not None:
            side = min(header.height, header.width)
            looks.append(HeaderFacts(pictures.name(index), side, header.bands, header.depth))
    return looks


def mean_colour(pictures: Pictures, preprocess: Preprocess) -> tuple[float, ...]:
    """Return each channel's mean in 0..1 over some pictures spread over the set, or 0.5 where none can be read."""
    whole = replace(preprocess, fit="squash", rough=True)
    colours = []
    for index in _spread(pictures):
        with suppress(OSError, BadPicture):
            colours.append(whole.row(pictures.read(index)).mean((0, 1)) / TOP[whole.depth])
    means = np.mean(colours, axis=0) if colours else np.full(whole.channels, 0.5)
    return tuple(round(float(mean), 4) for mean in means)


def _spread(pictures: Pictures) -> list[int]:
    """Return the places of at most LOOKED_AT pictures spread over the set."""
    return np.unique(np.linspace(0, len(pictures) - 1, LOOKED_AT).astype(int)).tolist()


def _channels(looks: Sequence[HeaderFacts]) -> int:
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


def read_splits(
    splits: Mapping[str, Pictures],
    source: Source,
    unscaled: Preprocess,
    settings: Settings,
    reader: Reader,
) -> Reading:
    """Read, decode and audit every split; too many unreadable pictures stop the run before it starts."""
    reader.refuse_too_large(sum(map(len, splits.values())), unscaled)
    augment = resolve_augment(
        settings, grey=unscaled.channels == 1, side=min(unscaled.size), task=source.task
    )
    stored = {"train": unscaled.enlarged(augment.margin)}
    filled = {split: pictures for split, pictures in splits.items() if len(pictures)}
    ledgers = reader.ledgers(filled)
    stores = {
        split: reader.store(split, pictures, stored.get(split, unscaled), ledgers.get(split))
        for split, pictures in filled.items()
    }
    reader.keep(ledgers)
    for note in source.notes:
        reader.progress.say(f"note: {note}")
    _report_bad(source, stores, settings, reader.progress)
    found = audit(replace(source, splits=filled), ledgers, progress=reader.progress) if ledgers else None
    if found is not None:
        _tell_findings(found, reader)
    return Reading(stores, found)


def _tell_findings(found: Audit, reader: Reader) -> None:
    """Say what an audit found that a user should look at, and how."""
    grave = [finding for finding in found.findings if finding.severity != "note"]
    for finding in grave[:SHOWN]:
        reader.progress.say(f"check: {finding.english}")
    if grave:
        reader.progress.say(
            f"check: see it all with: {command('check', reader.data, '--html', 'check.html')}"
        )


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
