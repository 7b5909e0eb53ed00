"""`striate report RUN`: write a run's report anew."""

import click

import striate
from striate.cli.verb import Verb, json_flag, print_json, showing


@click.command(cls=Verb)
@click.argument("run")
@json_flag
def command(run: str, as_json: bool) -> None:
    """Write report.html of RUN: one page that needs no network.

    Curves, confusion matrix, precision and recall, the most confident mistakes, layers, recipe, environment.
    """
    with showing() as progress:
        path = striate.write_report(striate.open_run(run), progress=progress)
    if as_json:
        print_json({"report": str(path)})
    else:
        print(path)
