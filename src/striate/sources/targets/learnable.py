"""What must be there before anything can be learned, whatever the format a data set comes in."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.naming import some
from striate.sources.source import Pictures, Source


def settled(source: Source) -> Source:
    """Return a data set without empty splits, a single split as 'all', with a note of what a user may not expect.

    Raises DataError where two classes have one name, where there is no picture, a class that train lacks, or numbers
    that are not finite.
    """
    kept = {split: pictures for split, pictures in source.splits.items() if len(pictures)}
    notes = [*source.notes, *(f"{split} has no pictures" for split in source.splits if split not in kept)]
    if twice := [name for name, count in Counter(source.classes).items() if count > 1]:
        raise DataError(
            f"{source.root}: '{twice[0]}' is the name of two classes. Give each a name of its own."
        )
    if not kept:
        raise DataError(f"{source.root}: no pictures in it.")
    if source.task == "regression":
        _refuse_odd_numbers(source, kept)
    elif source.task == "multi-label":
        notes += _notes_of_labels(source, kept)
    elif "train" in kept:
        met = {split: _met(source.classes, pictures.labels) for split, pictures in kept.items()}
        refuse_unlearned(source.root, met, wanted="Every class must have a picture in train.")
    if len(kept) == 1 and "all" not in kept:
        (split,) = kept
        notes.append(f"there is only {split}: what is held out is taken from it")
        kept = {"all": kept[split]}
    return replace(source, splits=kept, notes=notes)


def refuse_unlearnable(source: Source, *, wanted: str = "") -> None:
    """Raise DataError where nothing can be learned: no train, one class, labels nobody has, or one number for all.

    Such a data set can still be scored. `wanted` ends the message about classes.
    """
    if not source.splits.keys() & {"train", "all"}:
        there = " and ".join(sorted(source.splits))
        raise DataError(f"{source.root}: there is {there}, but no train to learn from.")
    labels = _learned(source.splits).labels
    if source.task == "multi-label":
        if not labels.any():
            raise DataError(f"{source.root}: no picture has any of the labels {some(list(source.classes))}.")
    elif source.task == "classification":
        if len(full := _met(source.classes, labels)) == 1:
            only = f"{source.root}: only one class with pictures, '{full[0]}'; a classifier needs two or more. {wanted}"
            raise DataError(only.rstrip())
    else:
        for name, values in zip(source.classes, labels.T, strict=True):
            if (values == values[0]).all():
                raise DataError(
                    f"{source.root}: {name} is {values[0]:g} for every picture, so nothing can be learned."
                )


def _learned(splits: Mapping[str, Pictures]) -> Pictures:
    """Return the pictures to learn from, any where it is not said which."""
    return splits["train"] if "train" in splits else next(iter(splits.values()))


def refuse_unlearned(
    root: Path | str, classes: Mapping[str, Collection[str]], *, mark: str = "", wanted: str
) -> None:
    """Raise DataError for a class of another split that train has not; `mark` follows the name of a split."""
    for split, names in classes.items():
        if extra := sorted(set(names) - set(classes["train"])):
            raise DataError(
                f"{root}: {split}{mark} has class '{extra[0]}', which train{mark} has not. {wanted}"
            )


def _met(classes: Sequence[str], labels: NDArray[np.int64]) -> list[str]:
    return [classes[index] for index in np.unique(labels)]


def _notes_of_labels(source: Source, splits: Mapping[str, Pictures]) -> list[str]:
    """Return notes on labels that no picture to learn from has, and on pictures without any."""
    counts = _learned(splits).labels.sum(axis=0, dtype=np.int64)
    bare = [name for name, count in zip(source.classes, counts, strict=True) if not count]
    notes = [f"no picture to learn from has the labels: {some(bare)}"] if bare else []
    blank = sum(int((pictures.labels.sum(axis=1, dtype=np.int64) == 0).sum()) for pictures in splits.values())
    return [*notes, f"{blank} pictures have no label at all"] if blank else notes


def _refuse_odd_numbers(source: Source, splits: Mapping[str, Pictures]) -> None:
    for pictures in splits.values():
        odd = ~np.isfinite(pictures.labels)
        if odd.any():
            picture, target = np.argwhere(odd)[0]
            raise DataError(
                f"{source.root}: {pictures.name(int(picture))} has {pictures.labels[picture, target]} for "
                f"{source.classes[target]}. Give a number, or leave the picture out."
            )
