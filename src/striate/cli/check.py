"""`striate check DATA`: what is in a data set, and what is wrong with it."""

import shutil
from pathlib import Path

import click

import striate
from striate.cli.verb import AUGMENTATIONS, OneOf, OutputFile, Verb, json_flag, print_json, showing

EPILOG = """\b
Examples:
  striate check pets
  striate check pets --html pets.html
  striate check pets --write-manifest clean.csv && striate train clean.csv
"""
# The exit code where the verdict is to stop.
STOP = 2


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("data")
@click.option("--html", type=OutputFile(), help="Write a page with pictures of what was found.")
@click.option(
    "--augment",
    type=OneOf(AUGMENTATIONS),
    help="Show on the page what the network will see of some pictures.",
)
@click.option(
    "--size", type=click.IntRange(1), help="Side of those pictures. Default: as `striate train` chooses."
)
@click.option(
    "--write-manifest",
    "table",
    type=OutputFile(".csv", ".tsv", ".jsonl"),
    help="Write the good pictures as a table: .csv, .tsv or .jsonl.",
)
@click.option("--threads", type=click.IntRange(1), help="Threads that decode. Default: one a core.")
@json_flag
def command(
    data: str,
    html: Path | None,
    augment: str | None,
    size: int | None,
    table: Path | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say what is in DATA and what is wrong with it: files that cannot be read, copies, conflicts, odd classes.

    Every picture is decoded once; what was learned is kept, so that the next check is quick. Ends with a verdict,
    and with exit code 2 where that is to stop.
    """
    with showing() as progress:
        checked = striate.check(data, threads=threads, progress=progress)
    if as_json:
        print_json(checked.audit.as_json())
    else:
        print(striate.audit_text(checked.audit, width=_width()), end="")
    if table:
        _say(_cleaned(checked, table), as_json)
    if html or augment:
        page = striate.write_audit_page(checked, html or "check.html", augment=augment, size=size)
        _say(f"page      {page}", as_json)
    if checked.audit.verdict == "stop":
        click.get_current_context().exit(STOP)


def _cleaned(checked: "striate.Check", table: Path) -> str:
    """Write the manifest and return what was left out of it."""
    cleaned = checked.write_clean(table)
    bands = f", {cleaned.of_other_bands:,} of other bands" if cleaned.of_other_bands else ""
    return (
        f"manifest  {cleaned.path}: {cleaned.kept:,} pictures; left out {cleaned.unreadable:,} that cannot be read, "
        f"{cleaned.copies:,} exact copies, {cleaned.conflicts:,} under different labels{bands}"
    )


def _say(line: str, as_json: bool) -> None:
    """Print a line, aside from standard output where that is JSON."""
    click.echo(line, err=as_json)


def _width() -> int:
    """Return the terminal's width, within what can be read well; 80 where there is none."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, 40), 120)
