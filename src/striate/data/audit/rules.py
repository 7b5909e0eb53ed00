"""The rules of the audit: each is a function that yields findings about the whole data set."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from striate.data.audit.duplicates import Group
from striate.data.audit.findings import Finding, Severity
from striate.data.audit.inventory import Gathered
from striate.pictures.facts import ANIMATED, BAD, BLANK, MISNAMED, MODES, TURNED
from striate.sources.naming import SPLIT_NAMES, some

# Shares above which severity is stop: of unreadable pictures, of conflicts, and of a split with copies in another.
BAD_SHARE, CONFLICT_SHARE, LEAK_SHARE = 0.01, 0.01, 0.05
# The share of pictures with near copies in their split above which severity is look.
NEAR_SHARE = 0.01
# The ratio of the largest class to the smallest from which imbalance is a note, and from which it is look.
UNEVEN, VERY_UNEVEN = 3, 10
# A picture is tiny if its shorter side is under this and under a quarter of the median.
TINY_SIDE = 32
# Names that systems and programs give to folders.
MACHINE_NAMES = re.compile(
    r"""(new|untitled|neuer|nouveau|nueva|nuova)[\s_-]*(folder|ordner|dossier|carpeta|cartella)?[\s_-]*\(?\d*\)?
    | (새[\s_-]*폴더|제목\s*없는\s*폴더|無題のフォルダ|新しいフォルダー?|新建文件夹)[\s_-]*\(?\d*\)?
    | .+[\s_-]*\(\d+\) | .+[\s_-](copy|kopie|copie|copia|복사본|のコピー)[\s_-]*\(?\d*\)? | copy[\s_-]of[\s_-].+
    | tmp | temp | thumbnails | cache | backup | bak""",
    re.IGNORECASE | re.VERBOSE,
)

Rule = Callable[[Gathered], Iterator[Finding]]


def _unreadable(data: Gathered) -> Iterator[Finding]:
    bad = np.flatnonzero((data.facts["flags"] & BAD) != 0)
    severity: Severity = "stop" if len(bad) > BAD_SHARE * len(data) else "look"
    yield from _of("unreadable", severity, bad.tolist(), {"total": f"{len(data):,}"})


def _other_bands(data: Gathered) -> Iterator[Finding]:
    """Find the pictures with another number of bands than most, for which training is refused."""
    odd = data.of_other_bands.tolist()
    most = set(data.facts["bands"][data.readable].tolist()) - set(data.facts["bands"][odd].tolist())
    words = {"most": " or ".join(map(str, sorted(most))), "total": f"{len(data):,}"}
    yield from _of("other-bands", "stop", odd, words)


def _conflicts(data: Gathered) -> Iterator[Finding]:
    exact = _members(group for group in data.duplicates.exact if data.is_conflict(group))
    severity: Severity = "stop" if len(exact) > CONFLICT_SHARE * len(data) else "look"
    yield from _of("conflicts", severity, exact)
    near = _members(group for group in data.duplicates.near if data.is_conflict(group))
    yield from _of("near-conflicts", "look", sorted(set(near) - set(exact)))


def _copies(data: Gathered) -> Iterator[Finding]:
    exact, near = data.duplicates.exact, data.duplicates.near
    leaked = _members(group for group in exact if data.is_across(group))
    yield from _across(data, "across", leaked, LEAK_SHARE)
    also = set(_members(group for group in near if data.is_across(group))) - set(leaked)
    yield from _across(data, "near-across", sorted(also), 1.0)
    spare = [i for group in exact if not data.is_conflict(group) for i in _spare(data, group)]
    yield from _of("copies", "look", spare)
    within = _members(group for group in near if data.is_within(group) and not data.is_conflict(group))
    yield from _of("near-copies", "look" if len(within) > NEAR_SHARE * len(data) else "note", within)


def _across(data: Gathered, code: str, positions: Sequence[int], most: float) -> Iterator[Finding]:
    """Yield for test and val how many of the copies at `positions` are in it; `stop` above the share `most` of it."""
    for split in ("test", "val"):
        mine = [i for i in positions if data.split_of(i) == split]
        if mine:
            share = len(mine) / len(data.source.splits[split])
            severity: Severity = "stop" if share > most else "look"
            yield from _of(code, severity, mine, {"split": split, "share": f"{share:.1%}"})


def _spare(data: Gathered, group: Group) -> Iterator[int]:
    """Yield the members of a group that come after another one in the same split."""
    seen = set()
    for position in group.members:
        split = data.split_of(position)
        if split in seen:
            yield position
        seen.add(split)


def _class_sizes(data: Gathered) -> Iterator[Finding]:
    """Find classes with no or one training picture, without held-out pictures, or far larger than others."""
    if data.kind.names_a_picture == "none":
        return
    learned = "train" if "train" in data.splits else data.splits[0]
    counts = data.class_counts(learned)
    yield from _of_classes(data, "unlearned", "look", np.flatnonzero(counts == 0))
    yield from _of_classes(data, "single-classes", "look", np.flatnonzero(counts == 1))
    for split in ("val", "test"):
        if split in data.splits and len(data.source.splits[split]):
            absent = np.flatnonzero((data.class_counts(split) == 0) & (counts > 0))
            yield from _of_classes(data, "unscored", "note", absent, split)
    full = np.flatnonzero(counts > 0)
    if len(full) and (ratio := counts.max() / counts[full].min()) >= UNEVEN:
        largest, smallest = int(counts.argmax()), int(full[counts[full].argmin()])
        words = {"largest": data.source.classes[largest], "smallest": data.source.classes[smallest]}
        yield Finding("imbalance", "look" if ratio >= VERY_UNEVEN else "note", round(ratio), words)


def _class_names(data: Gathered) -> Iterator[Finding]:
    """Find class names that look accidental."""
    names = data.source.classes
    alike = defaultdict(list)
    for name in names:
        alike[re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", name)).casefold() or name].append(name)
    twins = [" and ".join(f"'{name}'" for name in group) for group in alike.values() if len(group) > 1]
    if data.kind.names_a_picture == "none":
        return
    for code, found in (
        ("alike-names", twins),
        ("machine-names", [name for name in names if MACHINE_NAMES.fullmatch(name)]),
        ("split-names", [name for name in names if name.lower() in SPLIT_NAMES]),
    ):
        if found:
            yield Finding(code, "look", len(found), {"some": some(found)})


def _pictures(data: Gathered) -> Iterator[Finding]:
    """Find pictures that are tiny, blank, misnamed, animated, turned, or grey among coloured ones."""
    facts = data.facts[data.readable]
    if not len(facts):
        return
    sides = np.minimum(facts["height"], facts["width"])
    limit = min(TINY_SIDE, int(np.median(sides)) // 4)
    yield from _of("tiny", "look", data.readable[sides < limit].tolist(), {"side": str(limit)})
    yield from _of("blank", "look", data.flagged(BLANK).tolist())
    yield from _of("misnamed", "note", data.flagged(MISNAMED).tolist())
    yield from _of("animated", "note", data.flagged(ANIMATED).tolist())
    yield from _of("turned", "note", data.flagged(TURNED).tolist())
    grey = np.isin(
        facts["mode"], [MODES.index(mode) for mode in ("grey", "grey and alpha", "black and white")]
    )
    if 0 < grey.sum() < len(facts):
        yield from _of("mixed-colour", "note", data.readable[grey].tolist(), {"total": f"{len(facts):,}"})


RULES: tuple[Rule, ...] = (
    _unreadable,
    _other_bands,
    _conflicts,
    _copies,
    _class_sizes,
    _class_names,
    _pictures,
)


def findings_of(data: Gathered) -> list[Finding]:
    """Return the findings of every rule about a data set, in the order of the rules."""
    return [finding for rule in RULES for finding in rule(data)]


def _members(groups: Iterator[Group]) -> list[int]:
    """Return the positions of all members of groups, each once, sorted."""
    return sorted({position for group in groups for position in group.members})


def _of(
    code: str, severity: Severity, positions: Sequence[int], words: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Finding]:
    """Yield a finding about some pictures, if there are any."""
    if positions:
        yield Finding(code, severity, len(positions), words, tuple(positions))


def _of_classes(
    data: Gathered, code: str, severity: Severity, classes: NDArray[np.int64], split: str = ""
) -> Iterator[Finding]:
    """Yield a finding about some classes, if there are any."""
    if len(classes):
        names = [data.source.classes[i] for i in classes.tolist()]
        yield Finding(code, severity, len(names), {"some": some(names), "split": split})
