import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading
import torch
from striate.host.threads import workers

computed_before = sys.argv[1] == "yes"
if computed_before:
    torch.set_num_threads(3)
with workers(2, name="test") as pool:
    inside = [pool.submit(torch.get_num_threads).result() for _ in range(4)]
mine = torch.get_num_threads()
later = []
thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
thread.start()
thread.join()
print(inside, mine, later)
"""

# Ctrl-C in the middle: as the second of three threads starts, or as the main thread waits for all of them.
INTERRUPTED = """
import sys, threading
import torch
from striate.host.threads import pool_of

moment, begin, wait, begun = sys.argv[1], threading.Thread.start, threading.Barrier.wait, []

def start(thread):
    if moment == "start" and begun:
        raise KeyboardInterrupt
    begun.append(thread)
    begin(thread)

def meet(barrier, timeout=None):
    if moment == "wait" and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt
    return wait(barrier, timeout)

threading.Thread.start, threading.Barrier.wait = start, meet
torch.set_num_threads(2)
try:
    pool_of(3, name="test")
except KeyboardInterrupt:
    print("interrupted", torch.get_num_threads())
"""


def said(computed_before: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, computed_before],
        capture_output=True,
        text=True,
        check=True,
        env={"OMP_NUM_THREADS": "3", "PYTHONPATH": ":".join(sys.path)},
    )
    return done.stdout.strip()


def test_workers_compute_alone_and_all_other_threads_as_before() -> None:
    assert said("yes") == "[1, 1, 1, 1] 3 [3]"


def test_a_process_that_has_not_computed_yet_keeps_its_threads() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.get_num_threads())"],
        capture_output=True,
        text=True,
        check=True,
        env={"OMP_NUM_THREADS": "3"},
    )
    usual = told.stdout.strip()
    assert said("no") == f"[1, 1, 1, 1] {usual} [{usual}]"


@pytest.mark.parametrize("moment", ["start", "wait"])
def test_a_pool_that_is_interrupted_while_its_threads_start_lets_the_process_end(moment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, moment],
        capture_output=True,
        text=True,
        timeout=60,
        env={"OMP_NUM_THREADS": "3", "PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted 2\n", "")
