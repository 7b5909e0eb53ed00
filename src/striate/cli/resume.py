"""`striate resume RUN`: go on with a run that was stopped."""

import click

import striate
from striate.cli.verb import Verb, device_option, json_flag, nproc_option, print_run, showing


@click.command(cls=Verb)
@click.argument("run")
@click.option("--data", help="Where the data set is now, if it has moved.")
@nproc_option
@device_option
@json_flag
@click.pass_obj
def command(
    argv: tuple[str, ...], /, run: str, data: str | None, nproc: int, device: str, as_json: bool
) -> None:
    """Go on with RUN from its last checkpoint, bit for bit as if it had never stopped."""
    if striate.launch(argv, nproc=nproc):
        return
    with showing() as progress:
        finished = striate.resume(run, data=data, device=device, progress=progress)
    print_run(finished, as_json=as_json)
