"""`striate trust RUN`: let the code of a run's network be run here."""

import click

import striate
from striate.cli.verb import Verb, json_flag, print_json


@click.command(cls=Verb)
@click.argument("run")
@json_flag
def command(run: str, as_json: bool) -> None:
    """Let the Python code of RUN's network be run on this machine. Read it first: it is in code/ of the run folder.

    Runs of networks that striate knows, or of specs, need no trust, nor does code that was named in --net here.
    """
    files = striate.trust(run)
    if as_json:
        print_json({"run": run, "trusted": list(files)})
    else:
        print(f"trusted {', '.join(files)}")
