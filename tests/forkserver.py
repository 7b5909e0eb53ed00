"""A warm process that runs the `striate` command in forks of itself, so that torch is imported once.

One JSON line asks on standard input: {"argv": [...], "cwd": "...", "crash_at": null, "ranks": 1}. It answers with the
process ids of the children, as many as there are ranks, then with their exit codes, negative for a signal. With "call"
in the place of "argv" they run that function of tests/ranked.py. `crash_at`
ends a child, as a power cut would, at that call to the file system. What a child prints goes to `out` and `err` in its
folder, that of rank 1 to `out.1` and `err.1`. Ranks find each other as torchrun has them do.
"""

import json
import os
import socket
import sys
import traceback
from typing import Any

import ranked
import torch

import striate.cli.train
import striate.workbench.train  # noqa: F401  all that a run imports, once
from striate.cli.main import main
from striate.training.ranks.ranks import joined

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


def child(asked: dict[str, Any], rank: int, port: int) -> int:
    os.chdir(asked["cwd"])
    mark = f".{rank}" if rank else ""
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name + mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if asked.get("ranks", 1) > 1:
        place = {"RANK": rank, "WORLD_SIZE": asked["ranks"], "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in place.items()}
    if asked["crash_at"] is not None:
        crash_at(asked["crash_at"])
    if "call" in asked:
        with joined("cpu") as ranks:
            getattr(ranked, asked["call"])(ranks)
        return 0
    return main(asked["argv"])


def serve() -> None:
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # the first one imports torch._dynamo
    for line in sys.stdin:
        asked = json.loads(line)
        port = free_port()
        pids = [start(asked, rank, port) for rank in range(asked.get("ranks", 1))]
        print(*pids, flush=True)
        print(*[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids], flush=True)


def start(asked: dict[str, Any], rank: int, port: int) -> int:
    pid = os.fork()
    if pid > 0:
        return pid
    code = 1
    try:
        code = child(asked, rank, port)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    serve()
