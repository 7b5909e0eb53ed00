"""The `striate` command: finds the verb, runs it, and turns errors into one line and an exit code."""

import errno
import io
import os
import sys
from collections.abc import Sequence

import click

import striate
from striate.errors import Interrupted, StriateError, unknown
from striate.interrupt import import_whole

# What goes wrong with a disk, not with a name that was given.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM)
# Verb -> the one line `striate --help` shows. The verb's own file is imported only when it is asked for.
VERBS: dict[str, str] = {
    "train": "Train a network on a folder of pictures.",
    "resume": "Go on with a run that was stopped.",
    "eval": "Score a run on its own or on other data.",
    "predict": "Name what is in pictures.",
    "report": "Write a run's report anew.",
    "runs": "List runs, look at one, or compare some.",
    "check": "Say what is in a data set, and what is wrong with it.",
    "summary": "Show any network layer by layer: shapes, parameters, multiply-adds, fields, memory.",
    "window": "Work out a sliding window: sizes, fit, dropped pixels, parameters.",
    "race": "Train by several optimizers side by side.",
    "nets": "List the networks, or show one with its errata.",
    "trust": "Let the code of a run from elsewhere be run here.",
}


class Verbs(click.Group):
    """The verbs of VERBS, each imported from striate.cli.<verb> when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of VERBS."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        """Import one verb; an unknown one is refused with the nearest known name."""
        if name not in VERBS:
            raise unknown("verb", name, VERBS)
        command: click.Command = import_whole(f"striate.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from VERBS alone, so that `striate --help` imports none of them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs, subcommand_metavar="VERB ...", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(striate.__version__, prog_name="striate")
def app() -> None:
    """The workbench for convolutional networks: design, train, look inside, ship."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see docs/errors.md)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # class names may be in any script
    try:
        arguments = sys.argv[1:] if argv is None else list(argv)
        code = _called(arguments)
        sys.stdout.flush()
    except StriateError as error:
        print(f"striate: {error}", file=sys.stderr)
        return error.exit_code
    except click.ClickException as error:
        print(f"striate: {error.format_message()}", file=sys.stderr)
        return 1
    except (click.Abort, KeyboardInterrupt):
        print("striate: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"striate: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 3 if error.errno in DISK else 2
    # The code a verb ends with by `ctx.exit`; what it returns is None.
    return code if isinstance(code, int) else 0


def _called(arguments: list[str]) -> object:
    """Run a verb; an error that Ctrl-C became on its way, as where a lock was being taken, is Ctrl-C again."""
    try:
        return app.main(args=arguments, prog_name="striate", standalone_mode=False, obj=tuple(arguments))
    except Interrupted:
        raise
    except Exception as error:
        chain: list[BaseException] = [error]
        for each in chain:  # which may lead back to where it began
            if isinstance(each, KeyboardInterrupt):
                raise each from None
            chain += [e for e in (each.__cause__, each.__context__) if e is not None and e not in chain]
        raise
