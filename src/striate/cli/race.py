"""`striate race DATA`: the optimizers side by side."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

import striate
from striate.cli.verb import OneOf, OutputFile, Verb, device_option, json_flag, print_json, showing
from striate.errors import UsageError

EPILOG = """\b
Examples:
  striate race fashion
  striate race photos/ --net resnet18 --optimizers nesterov,adamw,muon --epochs 5
  striate race fashion --optimizers adam:0.0005,adam:0.002,adam:0.01 --steps 200
  striate race --surface saddle
"""
# The parameters that a surface has a use for.
OF_SURFACES = ("surface", "optimizers", "out", "as_json")


@click.command(cls=Verb, epilog=EPILOG)
@click.argument("data", required=False)
@click.option(
    "--optimizers",
    metavar="NAME[:RATE],...",
    default="sgd,momentum,nesterov,adagrad,rmsprop,adadelta,adam",
    show_default=True,
    help="Also adamw and muon; each at its usual rate unless one is given.",
)
@click.option(
    "--surface",
    type=OneOf(["saddle", "valley"]),
    help="In place of DATA: animate them going down a surface of two weights. FILE may be .svg.",
)
@click.option(
    "--net", help="Name of the catalogue, a spec, or a class in a file: net.py:Net. Default: resnet9."
)
@click.option("--weights", help="A .safetensors or .pth file to start from, or 'imagenet'.")
@click.option("--epochs", type=int, help="Times every picture is seen. Default: 2.")
@click.option("--steps", type=int, help="Steps of each optimizer, in place of --epochs.")
@click.option("--batch", type=int, help="Pictures a step. Default: by the number of pictures.")
@click.option(
    "--size", type=int, help="Side in pixels of the square the network sees. Default: by the pictures."
)
@click.option(
    "--schedule",
    type=OneOf(["one-cycle", "cosine", "step", "constant"]),
    default="one-cycle",
    show_default=True,
    help="How each learning rate goes.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides weights, order, augmentation.")
@device_option
@click.option(
    "--out",
    type=OutputFile(),
    help="The page that is written. Default: race.html, or race-saddle.html.",
)
@json_flag
def command(
    data: str | None,
    surface: str | None,
    optimizers: str,
    steps: int | None,
    out: Path | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train a network on DATA by several optimizers side by side, and write a page of how they went.

    All start from the same weights and get the same batches. Each has its own copy of the network in memory. No run
    folder is written.
    """
    names = [name for name in optimizers.split(",") if name]
    result: striate.Race | striate.Descent
    if surface is not None:
        _refuse_unused()
        result, out = striate.descend(surface, optimizers=names), out or Path(f"race-{surface}.html")
    elif data is None:
        raise UsageError("a race needs DATA to train on, or --surface saddle or valley.")
    else:
        out = out or Path("race.html")
        with showing() as progress:
            result = striate.race(
                data, optimizers=names, steps=steps, settings=striate.Settings(**settings), progress=progress
            )
    page = result.svg() if isinstance(result, striate.Descent) and out.suffix == ".svg" else result.html()
    out.write_text(page, encoding="utf-8", errors="backslashreplace")
    if as_json:
        print_json({**result.to_dict(), "page": str(out)})
    else:
        print("\n".join(result.lines()))
        print(f"page    {out}")


def _refuse_unused() -> None:
    """Raise UsageError for what was given beside a surface and would do nothing."""
    context = click.get_current_context()
    for param in context.command.params:
        name = param.name or ""
        if name in OF_SURFACES or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        given = context.params[name] if name == "data" else param.opts[0]
        raise UsageError(f"--surface needs no data and no network. Leave {given} out.")
