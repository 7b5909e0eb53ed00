"""A process killed by the kernel at each call that writes a checkpoint: there is always one to go on from."""

import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from striate.runs.folder.checkpoint import load_checkpoint, read_checkpoint

STRACE = shutil.which("strace")
# The calls that change what is on the disk; a kill at any other is a kill at the next of these.
CALLS = ("openat", "mkdir", "write", "fsync", "rename", "unlink", "unlinkat", "rmdir")
# Forks a process for each folder it is told, which waits for another line before it saves a checkpoint there.
WRITER = """
import os, sys
from pathlib import Path
import torch
from striate.runs.folder.checkpoint import Checkpoint, save_checkpoint

def save(folder, step):
    tensors = {"weight": torch.full((300, 2), float(step)), "count": torch.tensor(step)}
    state = {"step": step, "loss": 1 / 3}
    save_checkpoint(folder, step, Checkpoint(model=tensors, optimizer=tensors, average=tensors, state=state))

first = Path(sys.argv[1])
for step in (1, 2, 3):
    save(first, step)
print("ready", flush=True)
for line in sys.stdin:
    ears, mouth = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(ears, 1)
        save(Path(line.rstrip()), 4)
        os._exit(0)
    print(pid, flush=True)
    sys.stdin.readline()
    os.write(mouth, b"x")
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    os.close(ears)
    os.close(mouth)
"""


class Writer:
    """A warm process that saves checkpoints in forks of itself, watched by strace."""

    def __init__(self, first: Path) -> None:
        self.first = first
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, first],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"},
        )
        assert self._line() == "ready"

    def save(self, folder: Path, *, log: Path, kill: str = "") -> int:
        """Save checkpoint 4 in a folder, killed where `kill` says if it says so, and return the exit code."""
        assert STRACE is not None
        self._tell(str(folder))
        pid = self._line()
        inject = ["-e", f"inject={kill}"] if kill else []
        command = [STRACE, "-p", pid, "-o", log, "-e", f"trace={','.join(CALLS)}", *inject]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            said = tracer.stderr.readline()
            self._tell("go")
            code = int(self._line())
        if "not permitted" in said:
            pytest.skip(f"strace may not watch a process here: {said.strip()}")
        assert "attached" in said, said
        return code

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process.wait()

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    (tmp_path / "first").mkdir()
    writer = Writer(tmp_path / "first" / "checkpoints")
    yield writer
    writer.end()


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_wherever_the_kernel_kills_the_writer_the_latest_checkpoint_loads(
    writer: Writer, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    whole = shutil.copytree(writer.first, tmp_path / "whole")
    assert writer.save(whole, log=log) == 0
    calls = Counter(re.match(r"\w+", line)[0] for line in log.read_text().splitlines() if "(" in line)  # type: ignore[index]
    assert calls["fsync"] >= 8
    assert calls["rename"] == 2
    found = Counter[int]()
    for call, count in calls.items():
        for number in range(1, count + 1):
            copy = shutil.copytree(writer.first, tmp_path / call / str(number))
            kill = f"{call}:signal=SIGKILL:when={number}"
            assert writer.save(copy, log=log, kill=kill) == -signal.SIGKILL
            newest = load_checkpoint(copy)
            assert newest.damaged == ()
            assert newest.checkpoint is not None
            step = newest.checkpoint.state["step"]
            tensors = newest.checkpoint.model, newest.checkpoint.optimizer, newest.checkpoint.average or {}
            assert all((each["weight"] == step).all() and each["count"] == step for each in tensors)
            named = read_checkpoint(copy / (copy / "latest").read_text()).state["step"]
            assert named in (3, step)
            found[step] += 1
            assert writer.save(copy, log=log) == 0
            assert sorted(path.name for path in copy.iterdir()) == ["0000000003", "0000000004", "latest"]
    assert found.keys() == {3, 4}
    assert found.total() == calls.total()
