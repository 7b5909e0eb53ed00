"""The audit of a data set: its contents, what is wrong with them, and which commands mend that."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from striate.data.audit.clean import MENDED_BY_TABLE, can_be_listed, kept_of
from striate.data.audit.duplicates import Group, Kind
from striate.data.audit.findings import SEVERITIES, Finding
from striate.data.audit.inventory import Gathered
from striate.data.audit.rules import findings_of
from striate.data.store.ledger import Ledger
from striate.errors import command
from striate.host.extras import installs, missing_extras
from striate.pictures.facts import DEEP, MODES
from striate.pictures.kind import KINDS
from striate.progress import Progress, Silent
from striate.sources.opening import shown_place
from striate.sources.source import Bad, Source
from striate.sources.targets.kind import TARGET_KINDS, TargetKind
from striate.sources.targets.task_name import TaskName

Verdict = Literal["ok", "look", "stop"]
# The most groups of copies that are listed; the findings count all of them.
GROUPS_LISTED = 1000
# The most pictures of a finding that are named; its count is of all.
NAMED = 20
# The name in commands of the table of good pictures; the second is for data that has the first name already.
CLEAN = ("clean.csv", "clean-2.csv")
# The version of the schema of `as_json`, increased when a key changes its meaning or is removed.
SCHEMA = 1


@dataclass(frozen=True)
class Span:
    """The minimum, the median and the maximum of some numbers."""

    least: float
    median: float
    most: float


@dataclass(frozen=True)
class Copy:
    """One picture of a group of copies: its position in the data set, its name, its split and its label as text."""

    position: int
    name: str
    split: str
    label: str


@dataclass(frozen=True)
class Copies:
    """A group of copies, exact or near.

    `across` says that they are in several splits, `within` that some split has two or more, `conflict` that their
    labels differ.
    """

    kind: Kind
    members: tuple[Copy, ...]
    across: bool
    within: bool
    conflict: bool


@dataclass(frozen=True)
class Audit:
    """The result of an audit.

    `counts` is split -> class -> pictures, empty for regression. Spans, `modes` and `kinds` are of the pictures that
    can be read. `listable` says whether `commands` may offer to write a table of the good pictures.
    """

    root: str
    format: str
    evidence: str
    task: TaskName
    names: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    pictures: Mapping[str, int]
    height: Span
    width: Span
    aspect: Span
    modes: Mapping[str, int]
    kinds: Mapping[str, int]
    deep: int
    findings: tuple[Finding, ...]
    unreadable: tuple[Bad, ...]
    copies: tuple[Copies, ...]
    notes: tuple[str, ...]
    listable: bool = True

    @property
    def kind(self) -> TargetKind:
        """The kind of target that the pictures are labelled with."""
        return TARGET_KINDS[self.task]

    @property
    def verdict(self) -> Verdict:
        """`stop` if training would be refused or its score mean little, `look` if a finding needs a look, else `ok`."""
        worst = max((SEVERITIES.index(finding.severity) for finding in self.findings), default=0)
        return ("ok", "look", "stop")[worst]

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that mend what commands can: installing extras, checking again, and training."""
        found = {finding.code for finding in self.findings if finding.severity != "note"}
        reasons = [bad.reason for bad in self.unreadable]
        commands, data = installs(reasons), self.root
        if len(missing_extras(reasons)) == len(set(reasons)):
            found -= {"unreadable"}  # since all of them can be read once the extras are installed
        if found & MENDED_BY_TABLE and self.listable:
            clean = CLEAN[Path(data).name == CLEAN[0]]
            commands, data = [*commands, command("check", data, "--write-manifest", clean)], clean
        elif commands:
            commands += [command("check", data)]
        train = ["train", data]
        if "imbalance" in found:
            train += ["--sampling", "balanced"]
        return (*commands, command(*train)) if len(train) > 2 or commands else ()

    @property
    def classes(self) -> int:
        """The number of classes, labels or regression targets."""
        return len(self.names)

    @property
    def total(self) -> int:
        """The number of pictures in all splits."""
        return sum(self.pictures.values())

    def finding(self, code: str) -> Finding | None:
        """Return the first finding with a code, or None."""
        return next((finding for finding in self.findings if finding.code == code), None)

    def as_json(self) -> dict[str, Any]:
        """Return the audit as JSON values, by the schema in docs/check.md."""
        return {
            "schema": SCHEMA,
            "data": self.root,
            "format": self.format,
            "evidence": self.evidence,
            "task": self.task,
            "classes": list(self.names),
            "verdict": self.verdict,
            "pictures": dict(self.pictures),
            "counts": {split: dict(counts) for split, counts in self.counts.items()},
            "sizes": {
                name: {"min": span.least, "median": span.median, "max": span.most}
                for name, span in (("height", self.height), ("width", self.width), ("aspect", self.aspect))
            },
            "modes": dict(self.modes),
            "kinds": dict(self.kinds),
            "deep": self.deep,
            "findings": [finding.as_json() for finding in self.findings],
            "unreadable": [{"file": bad.name, "reason": bad.reason} for bad in self.unreadable],
            "duplicates": [_copies_as_json(copies) for copies in self.copies],
            "notes": list(self.notes),
            "commands": list(self.commands),
        }


def audit(source: Source, ledgers: Mapping[str, Ledger], *, progress: Progress | None = None) -> Audit:
    """Return the audit of a data set from the filled ledgers of its splits; no picture is read."""
    return audit_gathered(Gathered(source, ledgers, progress or Silent()))


def audit_gathered(data: Gathered) -> Audit:
    """Return the audit of a gathered data set."""
    source = data.source
    facts = data.facts[data.readable]
    heights, widths = facts["height"].astype(np.int64), facts["width"].astype(np.int64)
    findings = [_with_names(data, finding) for finding in findings_of(data)]
    gravest = sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))
    return Audit(
        root=shown_place(source),
        format=source.format,
        evidence=source.evidence,
        task=source.task,
        names=source.classes,
        counts={split: _counts(data, split) for split in data.splits if data.kind.names_a_picture != "none"},
        pictures={split: len(source.splits[split]) for split in data.splits},
        height=_span(heights),
        width=_span(widths),
        aspect=_span(np.round(widths / np.maximum(heights, 1), 3)),
        modes=_tally(MODES, facts["mode"]),
        kinds=_tally(KINDS, facts["kind"]),
        deep=len(data.flagged(DEEP)),
        findings=tuple(gravest),
        unreadable=tuple(Bad(data.name(position), reason) for position, reason in data.reasons()),
        copies=_listed(data),
        notes=tuple(source.notes),
        listable=can_be_listed(source) and bool(kept_of(data).positions or not len(data.readable)),
    )


def _with_names(data: Gathered, finding: Finding) -> Finding:
    """Return a finding with the names of its first pictures."""
    return replace(finding, names=tuple(data.name(i) for i in finding.examples[:NAMED]))


def _counts(data: Gathered, split: str) -> dict[str, int]:
    return dict(zip(data.source.classes, data.class_counts(split).tolist(), strict=True))


def _span(values: NDArray[Any]) -> Span:
    if len(values) == 0:
        return Span(0, 0, 0)
    return Span(values.min().item(), float(np.median(values)), values.max().item())


def _tally(names: tuple[str, ...], codes: NDArray[np.uint8]) -> dict[str, int]:
    """Return name -> how often its index is in `codes`, the most frequent first."""
    counts = np.bincount(codes, minlength=len(names))
    return {names[i]: int(counts[i]) for i in np.argsort(-counts, kind="stable") if counts[i]}


def _listed(data: Gathered) -> tuple[Copies, ...]:
    """Return the first GROUPS_LISTED groups of copies: conflicts first, then those across splits, then the rest."""
    judged = [(data.is_conflict(group), data.is_across(group), group) for group in data.duplicates.groups]
    judged.sort(key=lambda each: (not each[0], not each[1], each[2].kind, -len(each[2].members)))
    return tuple(
        Copies(group.kind, _named(data, group), across, data.is_within(group), conflict)
        for conflict, across, group in judged[:GROUPS_LISTED]
    )


def _named(data: Gathered, group: Group) -> tuple[Copy, ...]:
    return tuple(Copy(i, data.name(i), data.split_of(i), data.label_of(i)) for i in group.members)


def _copies_as_json(copies: Copies) -> dict[str, Any]:
    return {
        "kind": copies.kind,
        "across_splits": copies.across,
        "label_conflict": copies.conflict,
        "files": [{"file": copy.name, "split": copy.split, "label": copy.label} for copy in copies.members],
    }
