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
@click.option(
    "--threshold",
    type=float,
    help="Probability under which a picture shows none of the classes, 0 to name one always; or from which a label "
    "is given. Default: chosen on the validation pictures.",
)
@click.option("--flip", is_flag=True, help="Answer by each picture and its mirror image: twice the time.")
@device_option
@json_flag
def command(
    run: str,
    images: tuple[str, ...],
    top: int | None,
    threshold: float | None,
    flip: bool,
    device: str,
    as_json: bool,
) -> None:
    """Name the likeliest classes of each IMAGE, with their probabilities; or its labels, or its numbers.

    Where even the likeliest class is under the threshold, the picture may show none of them, which is said first.
    A picture that cannot be read is named at the end; the others are answered all the same.
    """
    opened = striate.open_run(run, device=device)
    if opened.unfinished:
        click.echo(opened.unfinished, err=True)
    answers: list[dict[str, object]] = []
    unread: list[str] = []
    for image in images:
        try:
            guesses = opened.predict(image, top=top, threshold=threshold, flip=flip)
        except DataError as error:
            unread.append(str(error))
            continue
        doubted = opened.task.none_of_these(guesses)
        none = {} if doubted is None else {"none_of_these": doubted}
        answers.append({"image": image, **none, "predictions": [guess.to_dict() for guess in guesses]})
        if not as_json:
            doubt = [f"none of these (best guess {guesses[0].words})"] if doubted else []
            lines = [*doubt, *map(str, guesses)] or ["no label"]
            print("\n".join([image, *(f"  {line}" for line in lines)]))
    if as_json:
        print_json(answers)
    if unread:
        raise DataError("\n".join(dict.fromkeys(unread)))
