"""What every verb of the command line shares: `lr=0.1` beside `--lr 0.1`, and `--json`."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import striate
from striate.errors import unknown

if TYPE_CHECKING:
    from striate.cli.progress import TerminalProgress

# The names that --augment takes.
AUGMENTATIONS = ("none", "digits", "small-photos", "photos", "medical", "aerial", "strong")
_ASSIGNMENT = re.compile(r"([a-z][a-z0-9_-]*)=(.*)", re.DOTALL)


class Verb(click.Command):
    """A command that also takes its options as `name=value`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Rewrite `name=value` to `--name=value` where the verb has such an option, then parse.

        What is the value of another option, or follows `--`, stays as it is.
        """
        rewritten, values = list[str](), 0
        for place, arg in enumerate(args):
            if arg == "--" and not values:
                return super().parse_args(ctx, rewritten + args[place:])
            rewritten.append(arg if values else self._as_option(arg))
            values = values - 1 if values else self._values_after(arg)
        return super().parse_args(ctx, rewritten)

    def _values_after(self, arg: str) -> int:
        """Return how many of the next arguments are the values of an option given as `--name value`."""
        option = next((p for p in self.params if isinstance(p, click.Option) and arg in p.opts), None)
        return 0 if option is None or option.is_flag or option.count else option.nargs

    def _as_option(self, arg: str) -> str:
        match = _ASSIGNMENT.fullmatch(arg)
        flag = "--" + match[1].replace("_", "-") if match else ""
        if match and any(flag in param.opts for param in self.params):
            return f"{flag}={match[2]}"
        return arg


class OneOf(click.Choice[str]):
    """One of a few names; another is refused as `unknown` refuses it, with the nearest of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; raises UsageError where it is none of them."""
        if value not in self.choices:
            raise unknown(param.opts[0] if param else "name", str(value), self.choices)
        return super().convert(value, param, ctx)


class OutputFile(click.Path):
    """A file that is written when the work is done, refused before it where its folder is not there.

    `endings` are those it may have, all where none are given.
    """

    def __init__(self, *endings: str) -> None:
        super().__init__(path_type=Path)
        self.name, self.endings = "file", endings

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; raises click.BadParameter where no file could be written there."""
        path = Path(value)
        if path.is_dir():
            self.fail(f"{path} is a folder; wanted a file.", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"{path} cannot be written: there is no folder {path.parent}.", param, ctx)
        if self.endings and path.suffix.lower() not in self.endings:
            self.fail(f"{path} ends in none of these: {', '.join(self.endings)}.", param, ctx)
        return path


json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
nproc_option = click.option(
    "--nproc",
    type=int,
    default=1,
    show_default=True,
    help="Processes on this machine that train together; each takes its share of every batch.",
)
device_option = click.option(
    "--device",
    default="auto",
    help="cpu, cuda, or one such as cuda:1. Default: CUDA where there is any. Processes have one each.",
)


def print_json(value: Any) -> None:
    """Print one JSON document to standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.write("\n")


@contextmanager
def showing() -> Iterator["TerminalProgress"]:
    """Draw progress while the work inside goes on, and leave the terminal clean whatever happens."""
    from striate.cli.progress import TerminalProgress  # noqa: PLC0415  rich costs 70 ms, which --help need not pay

    progress = TerminalProgress()
    try:
        yield progress
    finally:
        progress.end()


def print_run(run: "striate.Run", *, as_json: bool) -> None:
    """Print what a training ends with, if this process is the one that prints: the run folder and its report."""
    if striate.rank() > 0:
        return
    if sys.stderr.isatty() and (curves := striate.show_run(run).curves()):
        click.echo(curves, err=True)
    if as_json:
        print_json(run.summary())
    else:
        print(f"run     {run.folder}\nreport  {run.folder / 'report.html'}")


def note_channels_last(shape: Sequence[int]) -> None:
    """Say on standard error how a shape was read, where it looks as if its channels came last."""
    if len(shape) == 3 and shape[2] in (1, 3, 4) and shape[0] > max(4, shape[2]):
        height, width, channels = shape
        click.echo(
            f"note: channels come first, so {height}x{width}x{channels} has {height} of them. "
            f"For {channels} write {channels}x{height}x{width}.",
            err=True,
        )
