"""`striate runs`: list runs, look at one, or compare some."""

import shutil
from pathlib import Path

import click

import striate
from striate.cli.verb import OneOf, OutputFile, Verb, json_flag, print_json


@click.command(cls=Verb)
@click.argument("places", nargs=-1, metavar="[FOLDER | RUN...]")
@click.option(
    "--sort",
    type=OneOf(["date", "score", "loss", "seconds", "name", "net", "state"]),
    default="date",
    show_default=True,
    help="Order of the list: the newest, best or shortest first, or by name.",
)
@click.option(
    "--csv",
    "csv_file",
    type=OutputFile(),
    help="Write a CSV file too: a row a run, or the epochs of a single RUN.",
)
@click.option("--html", "html_file", type=OutputFile(), help="Write a page too, with the curves of the runs.")
@json_flag
def command(
    places: tuple[str, ...], sort: str, csv_file: Path | None, html_file: Path | None, as_json: bool
) -> None:
    """List the runs below FOLDER (default: runs/), show one RUN with its curves, or compare several.

    Of several it says which settings differ, and the results side by side. Nothing is written to a run.
    """
    if len(places) > 1:
        view: striate.View = striate.compare_runs(places)
    elif places and (Path(places[0]) / "recipe.toml").exists():
        view = striate.show_run(places[0])
    else:
        view = striate.list_runs(places[0] if places else "runs", sort=sort)
    if csv_file:
        view.save_csv(csv_file)
    if html_file:
        view.save_html(html_file)
    print_json(view.to_dict()) if as_json else click.echo(view.text(width=shutil.get_terminal_size().columns))
