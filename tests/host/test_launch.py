import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from forks import SRC, Server, wait_for

from striate.cli.main import main
from striate.errors import Interrupted, LaunchError, UsageError
from striate.host import launch as launching
from striate.host.launch import Rank, launch, place, rank
from striate.training.ranks import ranks
from striate.training.ranks.ranks import joined


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A warm process for all tests here."""
    server = Server()
    yield server
    server.stop()


@pytest.mark.parametrize(
    "what",
    ["talk", "share_code", "normalise", "run_out_of_memory", "go_other_ways", "add_up", "keep_statistics"],
)
def test_ranks_agree(server: Server, tmp_path: Path, what: str) -> None:
    server.call(tmp_path, what, ranks=3)


@pytest.fixture
def torchrun(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment torchrun gives to rank 1 of 4, the second on its machine."""
    values = {"RANK": 1, "WORLD_SIZE": 4, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1"}
    for name, value in (values | {"MASTER_PORT": 29500}).items():
        monkeypatch.setenv(name, str(value))
    return monkeypatch


def test_the_environment_says_which_rank_a_process_is(torchrun: pytest.MonkeyPatch) -> None:
    assert place() == Rank(1, 4, 1, 2)
    assert rank() == 1
    torchrun.delenv("LOCAL_RANK")
    torchrun.delenv("LOCAL_WORLD_SIZE")
    assert place() == Rank(1, 4, 1, 4)
    torchrun.delenv("MASTER_PORT")
    assert place() == Rank(0, 1, 0, 1)


def test_a_rank_that_cannot_be_is_refused(torchrun: pytest.MonkeyPatch) -> None:
    torchrun.setenv("RANK", "4")
    with pytest.raises(LaunchError) as raised:
        place()
    assert str(raised.value) == (
        "RANK=4 WORLD_SIZE=4 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2: not one of the ranks of a run. "
        "Start it by torchrun or with --nproc."
    )


def test_nproc_is_at_least_one_and_not_for_ranks_of_torchrun(
    capsys: pytest.CaptureFixture[str], torchrun: pytest.MonkeyPatch
) -> None:
    assert main(["train", "fashion", "--nproc", "0"]) == 1
    assert capsys.readouterr().err == "striate: nproc is 0; it must be at least 1.\n"
    assert launch(["--version"], nproc=1) is False
    with pytest.raises(UsageError, match=r"^torchrun has started the ranks already. Leave out --nproc.$"):
        launch(["--version"], nproc=2)


def test_a_port_that_is_taken_ends_the_launch(torchrun: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        torchrun.setenv("RANK", "0")
        torchrun.setenv("MASTER_PORT", str(port))
        torchrun.setenv("OMP_NUM_THREADS", "1")
        with pytest.raises(LaunchError) as raised, joined("cpu"):
            pass
    assert str(raised.value) == (
        f"rank 0 of 4 cannot meet the others at 127.0.0.1:{port} (The server socket has failed to listen on any local "
        "network address). See that this port is free there, and that all ranks are started together."
    )


def test_ranks_run_the_command_and_the_first_prints(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    monkeypatch.setattr(launching, "usable_cores", lambda: 2)
    assert launch(["--version"], nproc=3)
    out, err = capfd.readouterr()
    assert out.startswith("striate, version ")
    assert out.count("\n") == 1
    assert err == "note: 3 processes share 2 cores\n"


def test_a_rank_that_fails_by_itself_keeps_its_code_and_is_heard_once(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    with pytest.raises(SystemExit) as raised:
        launch(["fly"], nproc=2)
    assert raised.value.code == 1
    assert capfd.readouterr().err.count("striate: Unknown verb 'fly'.") == 1


def said(codes: list[int | None], folder: Path, *, interrupted: bool = False) -> object:
    """Return what is made of exit codes."""
    try:
        launching._judge(codes, folder, interrupted=interrupted)
    except SystemExit as error:
        return error.code
    except (LaunchError, Interrupted) as error:
        return str(error)
    return None


def test_the_fault_of_one_rank_is_told_from_its_consequences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said([0, 0], tmp_path) is None
    assert said([3, 4, 4], tmp_path) == 3
    assert said([130, 130], tmp_path, interrupted=True) == 130
    assert said([-15, 130], tmp_path, interrupted=True) == (
        "stopped at once. Nothing was trained yet: start it again."
    )
    assert said([3, 130], tmp_path, interrupted=True) == 3
    assert said([4, None], tmp_path) == 4  # which has said why
    assert said([4, -11], tmp_path) == (
        "rank 1 of 2 was ended by SIGSEGV, and the others with it. Nothing was trained yet: start it again."
    )
    (tmp_path / "run").write_text("/runs/내 것")
    assert said([-9, 4], tmp_path) == (
        "rank 0 of 2 was ended by SIGKILL, as for want of memory, and the others with it. "
        "Go on from the last checkpoint with: striate resume '/runs/내 것' --nproc 2"
    )
    (tmp_path / "lost").write_text("rank 1 of 2 lost the others (it is far).")
    assert said([4, 4], tmp_path) == "rank 1 of 2 lost the others (it is far)."
    (tmp_path / "1.err").write_text("striate: /data: no such folder.\n")
    assert said([4, 2], tmp_path) == 2
    assert capsys.readouterr().err == "striate: /data: no such folder.\n"


def test_ranks_end_with_their_launcher(tmp_path: Path) -> None:
    code = (
        "import sys, time; from striate.training.ranks.ranks import _end_with_launcher; _end_with_launcher(); "
        "print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SRC), "STRIATE_LAUNCHER": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.close()
        began = time.monotonic()
        assert process.wait() == -signal.SIGTERM
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("environment", "threads"),
    [({}, 2), ({"OMP_NUM_THREADS": "3"}, 1), ({"OMP_NUM_THREADS": "1", "TORCHELASTIC_RUN_ID": "x"}, 2)],
)
def test_ranks_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], threads: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ranks, "usable_cores", lambda: 5)
    try:
        ranks._share_cores(Rank(0, 2, 0, 2))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(1)


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a rank be a shell script, which writes a file when it is ready."""

    def write(script: str) -> None:
        path = tmp_path / "rank"
        path.write_text(
            f'#!/bin/sh\n{script}\ntouch "{tmp_path}/ready.$RANK"\nwhile :; do sleep 0.05; done\n'
        )
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return write


def when_ready(tmp_path: Path, signals: int) -> threading.Thread:
    """Send so many Ctrl-C to this process once both ranks are there."""

    def send() -> None:
        for number in range(2):
            wait_for(tmp_path / f"ready.{number}")
        for _ in range(signals):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_ctrl_c_is_passed_on_once_to_each_rank(tmp_path: Path, scripted: Callable[[str], None]) -> None:
    scripted(f"trap 'echo x >> \"{tmp_path}/got.$RANK\"; exit 130' INT")
    thread = when_ready(tmp_path, 1)
    with pytest.raises(SystemExit) as raised:
        launch(["train"], nproc=2)
    thread.join()
    assert raised.value.code == 130
    assert [(tmp_path / f"got.{number}").read_text() for number in range(2)] == ["x\n"] * 2


def test_ctrl_c_as_the_ranks_have_ended_leaves_the_handlers_as_they_were(
    scripted: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted("exit 0")
    before, change = signal.getsignal(signal.SIGTERM), signal.signal

    def pressing(number: int, handler: Any) -> Any:
        was = change(number, handler)
        if number == signal.SIGINT and handler is signal.default_int_handler:
            os.kill(os.getpid(), signal.SIGINT)
        return was

    monkeypatch.setattr(signal, "signal", pressing)
    with pytest.raises(KeyboardInterrupt):
        launch(["train"], nproc=2)
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_reaches_ranks_that_start_after_it(
    tmp_path: Path, scripted: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "GRACE", 60.0)  # by which those would end that were not told
    scripted("[ $RANK = 0 ] && kill -INT $PPID")
    began = time.monotonic()
    with pytest.raises((SystemExit, Interrupted)):
        launch(["train"], nproc=6)
    assert time.monotonic() - began < 30


def test_a_third_ctrl_c_ends_ranks_that_do_not_listen(
    tmp_path: Path, scripted: Callable[[str], None]
) -> None:
    scripted("trap '' INT TERM")
    thread = when_ready(tmp_path, 3)
    with pytest.raises(Interrupted, match=r"^stopped at once\. Nothing was trained yet: start it again\.$"):
        launch(["train"], nproc=2)
    thread.join()


def test_a_rank_that_does_not_end_with_the_others_is_ended(
    tmp_path: Path, scripted: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "GRACE", 0.5)
    scripted("trap '' TERM\n[ $RANK = 1 ] && echo full >&2 && exit 3")
    began = time.monotonic()
    with pytest.raises(SystemExit) as raised:
        launch(["train"], nproc=2)
    assert raised.value.code == 3
    assert time.monotonic() - began < 10


def test_ranks_import_nothing_from_the_folder_they_are_started_in(tmp_path: Path) -> None:
    for name in ("click", "numpy", "striate"):
        (tmp_path / f"{name}.py").write_text("open('imported', 'w').close()\n")
    program = (
        "import sys; sys.path = [p for p in sys.path if p]; "
        "from striate.host.launch import launch; launch(['nets'], nproc=2)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "resnet50" in done.stdout
    assert not (tmp_path / "imported").exists()
