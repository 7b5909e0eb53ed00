"""A warm process that runs the `striate` command in forks of itself, so that torch is imported once.

One JSON line asks on standard input: {"argv": [...], "cwd": "...", "threads": 1, "crash_at": null}. It answers with the
child's process id, then with its exit code, negative for a signal. `crash_at` ends the child, as a power cut would, at
that call to the file system. What the child prints goes to `out` and `err` in its folder.
"""

import json
import os
import sys
from typing import Any

import torch

import striate.cli.train
import striate.workbench  # noqa: F401  all that a run imports, once
from striate.cli.main import main

CALLS = ("mkdir", "fsync", "rename", "replace", "unlink", "rmdir")


def crash_at(call: int) -> None:
    """Let this process end at the given call to the file system."""
    made = 0

    def counted(real: Any) -> Any:
        def step(*args: Any, **kwargs: Any) -> Any:
            nonlocal made
            made += 1
            if made > call:
                os._exit(77)
            return real(*args, **kwargs)

        return step

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def child(asked: dict[str, Any]) -> int:
    os.chdir(asked["cwd"])
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if asked["crash_at"] is not None:
        crash_at(asked["crash_at"])
    return main(asked["argv"])


def serve() -> None:
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # the first one imports torch._dynamo
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = child(asked)
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
