"""What must be there before anything can be learned, whatever the format a data set comes in."""

from collections import Counter
from dataclasses import replace

from striate.errors import DataError
from striate.sources.source import Source, learned_pictures
from striate.sources.targets.kind import TARGET_KINDS


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
    notes += TARGET_KINDS[source.task].settle(source, kept)
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
    labels = learned_pictures(source.splits).labels
    TARGET_KINDS[source.task].refuse_unlearnable(source, labels, wanted=wanted)
