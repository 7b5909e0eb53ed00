"""`striate eval RUN [DATA]`: how well a trained network answers."""

import click

import striate
from striate.cli.verb import Verb, device_option, json_flag, print_json, showing


@click.command(cls=Verb)
@click.argument("run")
@click.argument("data", required=False)
@click.option("--split", help="Split to score. Default: test, else val, else everything.")
@click.option("--flip", is_flag=True, help="Answer by each picture and its mirror image: twice the time.")
@device_option
@json_flag
def command(run: str, data: str | None, split: str | None, flip: bool, device: str, as_json: bool) -> None:
    """Score RUN on DATA, or on the data it was trained with.

    DATA is anything `striate train` takes. Its classes must be among those the network knows; of numbers, those of
    the network must be among its own.
    """
    opened = striate.open_run(run, device=device)
    with showing() as progress:
        scores = opened.evaluate(data, split=split, flip=flip, progress=progress)
    if as_json:
        rows = scores.per_class(opened.classes)
        print_json({"images": scores.images, "loss": scores.loss, **scores.values(), "classes": rows})
        return
    print(f"{scores.text}, loss {scores.loss:.4f}, {scores.images:,} pictures")
    for line in scores.lines(opened.classes):
        print(line)
