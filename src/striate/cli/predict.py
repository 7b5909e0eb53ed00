"""`striate predict RUN IMAGE...`: what a trained network sees in pictures."""

import click

import striate
from striate.cli.verb import Verb, device_option, json_flag, print_json
from striate.errors import DataError


@click.command(cls=Verb)
@click.argument("run")
@click.argument("images", nargs=-1, required=True)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    help="Classes to name. Default: 5; of several labels, those it gives.",
)
@device_option
@json_flag
def command(run: str, images: tuple[str, ...], top: int | None, device: str, as_json: bool) -> None:
    """Name the likeliest classes of each IMAGE, with their probabilities; or its labels, or its numbers.

    A picture that cannot be read is named at the end; the others are answered all the same.
    """
    opened = striate.open_run(run, device=device)
    if opened.unfinished:
        click.echo(opened.unfinished, err=True)
    answers: list[dict[str, object]] = []
    unread: list[str] = []
    for image in images:
        try:
            guesses = opened.predict(image, top=top)
        except DataError as error:
            unread.append(str(error))
            continue
        answers.append({"image": image, "predictions": [guess.to_dict() for guess in guesses]})
        if not as_json:
            lines = [str(guess) for guess in guesses] or ["no label"]
            print("\n".join([image, *(f"  {line}" for line in lines)]))
    if as_json:
        print_json(answers)
    if unread:
        raise DataError("\n".join(dict.fromkeys(unread)))
