"""`striate predict RUN IMAGE...`: what a trained network sees in pictures."""

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
    answers = [(image, opened.predict(image, top=top)) for image in images]
    if as_json:
        print_json(
            [
                {
                    "image": image,
                    "predictions": [{"class": g.label, "probability": g.probability} for g in guesses],
                }
                for image, guesses in answers
            ]
        )
        return
    for image, guesses in answers:
        print(image)
        for guess in guesses:
            print(f"  {guess.probability:6.1%}  {guess.label}")
