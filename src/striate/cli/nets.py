"""`striate nets`: the networks of the catalogue, or all that is known of one."""

import textwrap
from itertools import groupby

import click

import striate
from striate.cli.verb import Verb, json_flag, print_json
from striate.errors import unknown
from striate.units import short_count


@click.command(cls=Verb)
@click.argument("name", required=False)
@json_flag
def command(name: str | None, as_json: bool) -> None:
    """List the networks, or show one: paper, size, cost, and where paper and common code disagree.

    Parameters and multiply-adds (MACs) are at the input and classes of the paper; auxiliary heads, which only
    training uses, are counted apart.
    """
    if name is None:
        facts = [{"name": key, **entry.facts()} for key, entry in striate.CATALOG.items()]
        print_json(facts) if as_json else click.echo(table())
        return
    if name not in striate.CATALOG:
        raise unknown("network", name, striate.CATALOG)
    if as_json:
        print_json({"name": name, **striate.CATALOG[name].facts()})
    else:
        click.echo(details(name))


def table() -> str:
    """Return a heading for each paper and a line for each network; an idea that repeats is said once."""
    lines = []
    said = ""
    for (paper, year), group in groupby(striate.CATALOG.items(), lambda item: (item[1].paper, item[1].year)):
        lines.append(click.style(f"{paper}, {year}", bold=True))
        for name, entry in group:
            size = "x".join(map(str, entry.input))
            counts = f"{short_count(entry.params):>8} params {short_count(entry.macs):>8} MACs"
            idea = "" if entry.idea == said else entry.idea
            lines.append(f"  {name:<22} {counts}  {size:<10} {idea}".rstrip())
            said = entry.idea
    return "\n".join(lines)


def details(name: str) -> str:
    """Return everything the catalogue says of a network."""
    entry = striate.CATALOG[name]
    made = ", ".join(["num_classes", "in_channels=...", *(f"{k}={v!r}" for k, v in entry.settings.items())])
    size = f"{'x'.join(map(str, entry.input))}, {entry.num_classes:,} classes"
    auxiliary = f" + {entry.auxiliary:,} of auxiliary heads, only in training" if entry.auxiliary else ""
    rows = {
        "paper": f"{entry.paper}, {entry.year}",
        "url": entry.url,
        "new": entry.idea,
        "input": f"{size}; smallest image {entry.smallest}x{entry.smallest}",
        "params": f"{entry.params:,}{auxiliary}",
        "MACs": f"{entry.macs:,}",
        "made by": f"{entry.facts()['class']}({made})",
    }
    lines = [click.style(name, bold=True), *(f"  {key:<8} {value}" for key, value in rows.items() if value)]
    if entry.errata:
        lines.append("  errata")
        for text in entry.errata:
            lines += wrap(text)
    return "\n".join(lines)


def wrap(text: str) -> list[str]:
    """Return an erratum as lines behind a dash; names with hyphens stay whole."""
    return textwrap.wrap(text, 96, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
