"""Rivals that take turns: each is a process of its own, warm, that does one round whenever it is asked to."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any


class Rival:
    """A process that runs `script --rival name`, with other environment variables where it needs them."""

    def __init__(
        self, script: str, name: str, *flags: str, environment: Mapping[str, str] | None = None
    ) -> None:
        command = [sys.executable, script, "--rival", name, *flags]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(
            command, text=True, env={**os.environ, **(environment or {})}, **pipes
        )

    def round(self) -> dict[str, Any]:
        """Have it do a round, and return what it says of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self._process.args} ended with {self._process.wait()}")
        return json.loads(answer)

    def end(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.wait()


def asked() -> bool:
    """Wait for the next round; return whether there is one."""
    return bool(sys.stdin.readline())


def answer(values: Mapping[str, Any]) -> None:
    """Say what a round took."""
    print(json.dumps(values), flush=True, file=sys.__stdout__)


def serve(rounds: Iterator[Mapping[str, Any]]) -> None:
    """Do a round each time one is asked for; what else is printed goes to standard error."""
    sys.stdout = sys.stderr
    while asked():
        answer(next(rounds))
