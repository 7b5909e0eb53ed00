"""Starting the ranks of a run on this machine, and ending them together.

A rank is a process that learns its number from the environment variables that torchrun sets, so that the rest of the
code sees no difference between `--nproc` and torchrun. This file does not import torch: the launcher only waits.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from striate.errors import Interrupted, LaunchError, UsageError, command

# The variables that torchrun sets; without them a process is the only one.
PLACE = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# The variable with the folder through which ranks tell this launcher more than an exit code can, and its files: the
# folder of the run, and why a rank ended that is not to blame.
LAUNCHER = "STRIATE_LAUNCHER"
RUN, LOST = "run", "lost"
LOCALHOST = "127.0.0.1"
# Platform -> its loopback interface, which nothing outside the machine can reach.
LOOPBACK = {"linux": "lo", "darwin": "lo0"}
# Seconds the other ranks have to end by themselves after one has failed, and again after SIGTERM.
GRACE = 10.0
POLL = 0.05


@dataclass(frozen=True)
class Rank:
    """The number of a process: `rank` of `size` in the run, `local` of `together` on this machine."""

    rank: int = 0
    size: int = 1
    local: int = 0
    together: int = 1


def place() -> Rank:
    """Return the rank that the environment gives this process; raises LaunchError where its numbers are not valid."""
    if not all(name in os.environ for name in PLACE):
        return Rank()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    given = [os.environ.get(name, os.environ[name.removeprefix("LOCAL_")]) for name in names]
    if not all(value.isdecimal() for value in given) or not int(given[0]) < int(given[1]):
        told = " ".join(f"{name}={value}" for name, value in zip(names, given, strict=True))
        raise LaunchError(f"{told}: not one of the ranks of a run. Start it by torchrun or with --nproc.")
    return Rank(*map(int, given))


def rank() -> int:
    """Return the number of this process in its run, 0 where it is the only one: rank 0 writes and prints."""
    return place().rank


def launch(argv: Sequence[str], *, nproc: int) -> bool:
    """Run a command line of striate as `nproc` ranks on this machine, and return True when they have succeeded.

    Returns False where this process is to run it itself: as the only one, or as one of the ranks. Raises UsageError for
    `nproc` below 1, or above 1 under torchrun, LaunchError where a rank is killed, Interrupted after Ctrl-C, and
    SystemExit with the exit code of a rank that has printed its own error.
    """
    if nproc < 1:
        raise UsageError(f"nproc is {nproc}; it must be at least 1.")
    if nproc == 1 or LAUNCHER in os.environ:
        return False
    if place().size > 1:
        raise UsageError("torchrun has started the ranks already. Leave out --nproc.")
    if nproc > (cores := usable_cores()):
        print(f"note: {nproc} processes share {cores} cores", file=sys.stderr)
    with TemporaryDirectory(prefix="striate-") as folder, ExitStack() as stack:
        environment = _environment(nproc, folder)
        ranks: list[subprocess.Popen[bytes]] = []
        with _passing_on_signals(ranks) as (asked, pass_on):
            ranks.extend(_start(argv, number, environment, stack) for number in range(nproc))
            pass_on()  # the signals that came before the last rank was started
            codes = _wait(ranks)
        _judge(codes, Path(folder), interrupted=bool(asked))
    return True


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tell_run(folder: Path) -> None:
    """Tell the launcher, if there is one, the folder of the run, which its errors name."""
    _tell(RUN, str(folder))


def tell_lost(what: str) -> bool:
    """Tell the launcher, if there is one, why this rank ends without being to blame; return whether there is one."""
    return _tell(LOST, what)


def _tell(name: str, what: str) -> bool:
    if LAUNCHER not in os.environ:
        return False
    told = Path(os.environ[LAUNCHER], name)
    if told.parent.is_dir():
        told.write_text(what, encoding="utf-8", errors="surrogateescape")
    return True


def _environment(nproc: int, folder: str) -> dict[str, str]:
    """Return the environment that ranks on this machine have in common."""
    shared = {
        "WORLD_SIZE": str(nproc),
        "LOCAL_WORLD_SIZE": str(nproc),
        "MASTER_ADDR": LOCALHOST,
        "MASTER_PORT": str(_free_port()),
        LAUNCHER: folder,
    }
    local = {"GLOO_SOCKET_IFNAME": LOOPBACK[sys.platform]} if sys.platform in LOOPBACK else {}
    return {**local, **os.environ, **shared}


def _start(
    argv: Sequence[str], number: int, environment: Mapping[str, str], stack: ExitStack
) -> subprocess.Popen[bytes]:
    """Start a rank. Rank 0 prints; the errors of another go to a file, which is shown if that rank is to blame."""
    said = _said(Path(environment[LAUNCHER]), number)
    # A session of its own, so that Ctrl-C reaches the launcher alone, which passes it on once. Standard input is a pipe
    # from the launcher: where it ends, the launcher is gone.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "striate", *argv],  # -P: nothing is imported from the working directory
        env={**environment, "RANK": str(number), "LOCAL_RANK": str(number)},
        stdin=subprocess.PIPE,
        stdout=None if number == 0 else subprocess.DEVNULL,
        stderr=None if number == 0 else stack.enter_context(said.open("wb")),
        start_new_session=True,
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


def _said(folder: Path, number: int) -> Path:
    return folder / f"{number}.err"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOCALHOST, 0))
        return int(listener.getsockname()[1])


@contextmanager
def _passing_on_signals(
    ranks: Sequence[subprocess.Popen[bytes]],
) -> Iterator[tuple[list[int], Callable[[], None]]]:
    """Forward SIGINT and SIGTERM to every rank, from the third signal on as SIGKILL.

    Yields the list of signals received, and a function that forwards them to ranks started since.
    """
    asked: list[int] = []
    told = Counter[int]()

    def pass_on() -> None:
        for process in tuple(ranks):
            while told[process.pid] < len(asked):
                told[process.pid] += 1
                number = asked[told[process.pid] - 1]
                process.send_signal(number if told[process.pid] < 3 else signal.SIGKILL)

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        pass_on()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked, pass_on
    finally:
        # Ctrl-C last: what it raises shall not leave SIGTERM to this.
        for number, handler in reversed(before.items()):
            signal.signal(number, handler)


def _wait(ranks: Sequence[subprocess.Popen[bytes]]) -> list[int | None]:
    """Wait until all ranks have ended, and end the rest when one fails; return exit codes, None for those it ended."""
    while not any(process.poll() for process in ranks):
        if all(process.poll() == 0 for process in ranks):
            return [0] * len(ranks)
        time.sleep(POLL)
    _wait_at_most(GRACE, ranks)
    codes = [process.poll() for process in ranks]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in ranks:
            process.send_signal(number)  # which does nothing to one that has ended
        _wait_at_most(GRACE, ranks)
    return codes


def _wait_at_most(seconds: float, ranks: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(process.poll() is None for process in ranks):
        time.sleep(POLL)


def _judge(codes: Sequence[int | None], folder: Path, *, interrupted: bool) -> None:
    """Raise the error of the rank that failed by itself, rather than of those that failed because of it."""
    failed = {number: code for number, code in enumerate(codes) if code}
    if not failed:
        return
    own = {
        number: code
        for number, code in failed.items()
        if code not in (LaunchError.exit_code, Interrupted.exit_code)
    }
    killed = {number: code for number, code in own.items() if code < 0}
    if interrupted and killed:
        raise Interrupted(f"stopped at once. {_way_on(folder, len(codes))}")
    if interrupted and not own:
        raise SystemExit(Interrupted.exit_code)
    if killed:
        number, code = min(killed.items())
        raise LaunchError(
            f"rank {number} of {len(codes)} was ended by {signal.Signals(-code).name}"
            f"{', as for want of memory' if code == -signal.SIGKILL else ''}, and the others with it. "
            f"{_way_on(folder, len(codes))}"
        )
    number, code = min((own or failed).items())
    if not own and (folder / LOST).exists():
        raise LaunchError((folder / LOST).read_text(encoding="utf-8", errors="surrogateescape"))
    if number > 0:
        sys.stderr.write(_said(folder, number).read_text(encoding="utf-8", errors="replace"))
    raise SystemExit(code)


def _way_on(folder: Path, nproc: int) -> str:
    """Return what to do after a run was ended."""
    if not (folder / RUN).exists():
        return "Nothing was trained yet: start it again."
    run = (folder / RUN).read_text(encoding="utf-8", errors="surrogateescape")
    return f"Go on from the last checkpoint with: {command('resume', run, '--nproc', nproc)}"
