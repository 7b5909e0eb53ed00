"""`striate predict RUN IMAGE...`: what a trained network sees in pictures."""

from typing import Any

import click

import striate
from striate.cli.verb import Verb, json_flag, print_json


@click.command(cls=Verb)
@click.argument("run")
@click.argument("images", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="Classes to name.")
@json_flag
def command(run: str, images: tuple[str, ...], top: int, as_json: bool) -> None:
    """Name the likeliest classes of each IMAGE, with their probabilities."""
    opened = striate.open_run(run)
    if as_json:
        print_json([{"image": image, "predictions": _rows(opened, image, top)} for image in images])
        return
    for image in images:
        guesses = opened.predict(image, top=top)
        print(image)
        for guess in guesses:
            print(f"  {guess.probability:6.1%}  {guess.label}")


def _rows(run: "striate.Run", image: str, top: int) -> list[dict[str, Any]]:
    return [{"class": guess.label, "probability": guess.probability} for guess in run.predict(image, top=top)]
