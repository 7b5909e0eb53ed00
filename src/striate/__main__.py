"""The `striate` command, also as `python -m striate`: what it is made of is imported here, so that Ctrl-C can wait."""

import os
import sys

from striate.interrupt import import_whole


def main() -> int:
    """Run the command line and return its exit code."""
    os.environ["STRIATE_PROCESS"] = str(os.getpid())  # whose memory may be kept: striate/host/memory.py
    try:
        command_line = import_whole("striate.cli.main")
    except KeyboardInterrupt:
        print("striate: interrupted", file=sys.stderr)
        return 130
    code: int = command_line.main()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
