"""`striate eval RUN [DATA]`: how well a trained network names pictures."""

import click

import striate
from striate.cli.verb import Verb, json_flag, print_json, showing


@click.command(cls=Verb)
@click.argument("run")
@click.argument("data", required=False)
@click.option("--split", help="Split to score. Default: test, else val, else everything.")
@json_flag
def command(run: str, data: str | None, split: str | None, as_json: bool) -> None:
    """Score RUN on DATA, or on the data it was trained with.

    DATA is anything `striate train` takes. Its classes must be among those the network knows.
    """
    opened = striate.open_run(run)
    with showing() as progress:
        scores = opened.evaluate(data, split=split, progress=progress)
    rows = scores.per_class(opened.classes)
    if as_json:
        print_json(
            {"images": len(scores.labels), "loss": scores.loss, "accuracy": scores.accuracy, "classes": rows}
        )
        return
    print(f"accuracy {scores.accuracy:.2%}, loss {scores.loss:.4f}, {len(scores.labels):,} pictures")
    for row in rows:
        print(
            f"{percent(row['precision'])} precision  {percent(row['recall'])} recall  "
            f"{row['images']:6,}  {row['class']}"
        )


def percent(share: float | None) -> str:
    """Return a share as a percentage of fixed width, or a dash where there is none."""
    return "     -" if share is None else f"{share:6.1%}"
