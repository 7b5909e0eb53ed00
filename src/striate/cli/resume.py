"""`striate resume RUN`: go on with a run that was stopped."""

import click

import striate
from striate.cli.verb import Verb, json_flag, print_json, run_line, show_curves, showing


@click.command(cls=Verb)
@click.argument("run")
@click.option("--data", help="Where the data set is now, if it has moved.")
@json_flag
def command(run: str, data: str | None, as_json: bool) -> None:
    """Go on with RUN from its last checkpoint, bit for bit as if it had never stopped."""
    with showing() as progress:
        finished = striate.resume(run, data=data, progress=progress)
    show_curves(finished)
    if as_json:
        print_json(finished.summary())
    else:
        print(run_line(finished))
