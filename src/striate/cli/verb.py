"""What every verb of the command line shares: `lr=0.1` beside `--lr 0.1`, and `--json`."""

import json
import re
import sys
from typing import Any

import click

_ASSIGNMENT = re.compile(r"([a-z][a-z0-9_-]*)=(.*)", re.DOTALL)


class Verb(click.Command):
    """A command that also takes its options as `name=value`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Rewrite `name=value` to `--name=value` where the verb has such an option, then parse."""
        return super().parse_args(ctx, [self._as_option(arg) for arg in args])

    def _as_option(self, arg: str) -> str:
        match = _ASSIGNMENT.fullmatch(arg)
        flag = "--" + match[1].replace("_", "-") if match else ""
        if match and any(flag in param.opts for param in self.params):
            return f"{flag}={match[2]}"
        return arg


json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def print_json(value: Any) -> None:
    """Print one JSON document to standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.write("\n")
