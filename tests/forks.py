"""Commands of striate run in forks of a warm process, one or several ranks at a time."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("forkserver.py")
SRC = Path(__file__).parent.parent / "src"


class Child:
    """One command at work in a fork of the server, or in several as its ranks."""

    def __init__(self, server: "Server", cwd: Path, pids: list[int]) -> None:
        self.pids = pids
        self._server = server
        self._cwd = cwd

    @property
    def pid(self) -> int:
        return self.pids[0]

    def end(self) -> int:
        return self.ends()[0]

    def ends(self) -> list[int]:
        """Wait for all ranks and return their exit codes."""
        return [int(code) for code in self._server.line().split()]

    @property
    def err(self) -> str:
        return self.said(0)

    def said(self, rank: int) -> str:
        """Return what a rank has printed as errors."""
        return (self._cwd / (f"err.{rank}" if rank else "err")).read_text(encoding="utf-8")


class Server:
    """The warm process that forks."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def start(self, cwd: Path, *argv: object, crash_at: int | None = None, ranks: int = 1) -> Child:
        return self._ask(cwd, argv=[str(arg) for arg in argv], crash_at=crash_at, ranks=ranks)

    def call(self, cwd: Path, name: str, *, ranks: int) -> None:
        """Run a function of tests/ranked.py in so many ranks; its assertions are the test's."""
        child = self._ask(cwd, call=name, crash_at=None, ranks=ranks)
        assert child.ends() == [0] * ranks, [child.said(rank) for rank in range(ranks)]

    def _ask(self, cwd: Path, **asked: Any) -> Child:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({**asked, "cwd": str(cwd)}) + "\n")
        self.process.stdin.flush()
        return Child(self, cwd, [int(pid) for pid in self.line().split()])

    def run(self, cwd: Path, *argv: object, ranks: int = 1) -> Child:
        child = self.start(cwd, *argv, ranks=ranks)
        codes = child.ends()
        assert codes == [0] * ranks, [codes, *(child.said(rank) for rank in range(ranks))]
        return child

    def stop(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not come"
        time.sleep(0.001)


def result(run: Path) -> tuple[bytes, list[dict[str, Any]]]:
    """Return what two runs must share: the weights' bytes, and every line of the record but its timing."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return (run / "model" / "model.safetensors").read_bytes(), [
        {name: value for name, value in line.items() if name != "seconds"} for line in lines
    ]
