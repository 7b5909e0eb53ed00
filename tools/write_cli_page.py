"""Write docs/cli.md: the --help of every verb, as it is. `make golden` runs this; a test compares."""

from pathlib import Path

from click.testing import CliRunner

from striate.cli.main import VERBS, app

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """# The command line

`striate VERB ...`. Every verb takes `--help`, and `--json` where it prints something. Options may be written
`--lr 0.1`, `--lr=0.1` or `lr=0.1`. Errors are one line on standard error; the exit codes are in
[errors.md](errors.md). This page is written by `make golden`.
"""


def page() -> str:
    """Return the whole page."""
    sections = [f"## striate\n\n```\n{help_of([])}```\n"]
    sections += [f"## striate {verb}\n\n```\n{help_of([verb])}```\n" for verb in VERBS]
    return "\n".join([HEAD, *sections])


def help_of(verb: list[str]) -> str:
    """Return what `striate VERB --help` prints on a terminal of 100 columns."""
    return CliRunner().invoke(app, [*verb, "--help"], prog_name="striate", terminal_width=100).output


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
