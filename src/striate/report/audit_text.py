"""An audit as text for a terminal, in any script."""

import io
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from striate.data.audit.audit import Audit, Copies, Span
from striate.data.audit.duplicates import Kind
from striate.data.audit.findings import Finding

# Classes that are listed; of more, half of these are the largest and half the smallest.
CLASSES_SHOWN = 24
# Pictures named below a finding, and groups of copies.
NAMED = 3
INDENT = 6
VERDICTS = {
    "ok": "ok: nothing to see to",
    "look": "look at it: training works, but see the findings above",
    "stop": "stop: mend it first, or the result means little",
}
# The findings whose pictures stand in groups of copies: of which kind, and what holds of the groups.
COPIES: Mapping[str, tuple[Kind, Callable[[Copies], bool]]] = {
    "across": ("exact", attrgetter("across")),
    "near-across": ("near", attrgetter("across")),
    "conflicts": ("exact", attrgetter("conflict")),
    "near-conflicts": ("near", attrgetter("conflict")),
    "copies": ("exact", lambda copies: copies.within and not copies.conflict),
    "near-copies": ("near", lambda copies: copies.within and not copies.conflict),
}


def audit_text(audit: Audit, *, width: int = 80) -> str:
    """Return the audit in lines of at most `width` cells; wide scripts take two cells a character."""
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False, markup=False, emoji=False, color_system=None)

    def line(text: str, indent: int = 0) -> None:
        console.print(Padding(Text(_safe(text), overflow="fold"), (0, 0, 0, indent)), end="")

    def listed(word: str, text: str) -> None:
        row = Table.grid(padding=0)
        row.add_column(width=INDENT)
        row.add_column(overflow="fold")
        row.add_row(word, Text(_safe(text)))
        console.print(row)

    line(f"{audit.root}: {audit.format} ({audit.evidence})")
    line(_summary(audit))
    line("")
    if audit.counts:
        console.print(_class_table(audit))
        line("")
    for each in _facts(audit):
        line(each)
    if audit.notes:
        line("")
    for note in audit.notes:
        listed("note", note)
    for finding in audit.findings:
        line("")
        listed(finding.severity, finding.english)
        for example in _examples(audit, finding):
            line(example, INDENT)
    line("")
    line(f"verdict  {VERDICTS[audit.verdict]}")
    if audit.commands:
        line("mend it with")
    for command in audit.commands:
        line(command, 2)
    return "\n".join(each.rstrip() for each in out.getvalue().splitlines()) + "\n"


def _summary(audit: Audit) -> str:
    splits = ", ".join(
        f"{count:,}" if split == "all" else f"{split} {count:,}" for split, count in audit.pictures.items()
    )
    return f"{audit.total:,} pictures ({splits}), {audit.classes:,} {audit.kind.counted[0]}"


def _class_table(audit: Audit) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(audit.kind.name, overflow="fold")
    for split in audit.counts:
        table.add_column("pictures" if split == "all" else split, justify="right")
    for name in shown_classes(audit):
        counts = [audit.counts[split].get(name, 0) for split in audit.counts]
        table.add_row(Text(_safe(name) or "..."), *(f"{count:,}" if name else "" for count in counts))
    return table


def shown_classes(audit: Audit) -> list[str]:
    """Return the classes to list, in their order; of very many the largest and the smallest, with '' between them."""
    first = next(iter(audit.counts.values()))
    names = list(first)
    if len(names) <= CLASSES_SHOWN:
        return names
    ranked = [names[i] for i in np.argsort([-count for count in first.values()], kind="stable")]
    return [*ranked[: CLASSES_SHOWN // 2], "", *ranked[-CLASSES_SHOWN // 2 :]]


def _facts(audit: Audit) -> Iterator[str]:
    """Yield what the pictures are like."""
    if not audit.modes:
        return
    yield f"height  {_span(audit.height)}"
    yield f"width   {_span(audit.width)}"
    yield f"aspect  {_span(audit.aspect)}"
    yield "files   " + ", ".join(f"{kind} {count:,}" for kind, count in audit.kinds.items())
    deep = f"; of these {audit.deep:,} with more than 8 bits" if audit.deep else ""
    yield "colour  " + ", ".join(f"{mode} {count:,}" for mode, count in audit.modes.items()) + deep


def _safe(text: str) -> str:
    """Return a text with control characters written out, since a file's name may hold what steers a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _span(span: Span) -> str:
    if span.least == span.most:
        return f"{span.least:g}"
    return f"{span.least:g} to {span.most:g}, median {span.median:g}"


def _examples(audit: Audit, finding: Finding) -> Iterator[str]:
    """Yield a few of the pictures a finding is about."""
    if finding.code == "unreadable":
        named = [f"{bad.name}: {bad.reason}" for bad in audit.unreadable]
    elif finding.code in COPIES:
        kind, holds = COPIES[finding.code]
        groups = [copies for copies in audit.copies if copies.kind == kind and holds(copies)]
        if split := finding.words.get("split"):
            groups = [copies for copies in groups if split in {copy.split for copy in copies.members}]
        named = list(map(_group, groups))
    else:
        named = list(finding.names)
    yield from named[:NAMED]
    listed_in_full = finding.code in ("unreadable", *COPIES)
    if named and (total := len(named) if listed_in_full else finding.count) > NAMED:
        yield f"and {total - NAMED:,} more"


def _group(copies: Copies) -> str:
    """Return a group of copies as 'a = b', each with its label where they differ."""
    told = [f"{copy.name} ({copy.label})" if copies.conflict else copy.name for copy in copies.members]
    more = [f"{len(told) - NAMED:,} more"] if len(told) > NAMED + 1 else []
    return (" = " if copies.kind == "exact" else " ~ ").join([*told[: NAMED if more else None], *more])
