"""Ctrl-C where it could be lost: in waits without end, as something goes, and as threads are waited for."""

import ctypes
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from operator import call
from pathlib import Path
from typing import Any

import pytest
from conftest import Answer, MakePhotos

import striate as library
from striate.data import loader
from striate.nets.own_code import in_file
from striate.preparing.engine import Engine, measured
from striate.preparing.prepare import prepare
from striate.progress import Silent
from striate.tracing.record import LiveBytes, Storage

ELSEWHERE = """
import signal, threading, time
time.sleep(0.5)
signal.pthread_kill(threading.get_ident(), signal.SIGINT)
time.sleep(15)
"""


def test_ctrl_c_that_does_not_wake_whoever_waits_for_a_file_is_heard_all_the_same(tmp_path: Path) -> None:
    # The system gives it to another thread than the one that waits; one that comes as the wait begins is as quiet.
    path = tmp_path / "net.py"
    path.write_text(ELSEWHERE, encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        in_file(f"{path}:Net")
    assert time.monotonic() - began < 10


def test_ctrl_c_as_a_wait_takes_its_lock_again_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.py"
    path.write_text("import time\ntime.sleep(1)\n", encoding="utf-8")
    take, pressed = threading.Condition._acquire_restore, list[int]()  # type: ignore[attr-defined]

    def press(condition: threading.Condition, state: object) -> None:
        if threading.current_thread() is threading.main_thread() and not pressed:
            pressed.append(signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        take(condition, state)

    monkeypatch.setattr(threading.Condition, "_acquire_restore", press)
    with pytest.raises(KeyboardInterrupt):
        in_file(f"{path}:Net")
    assert pressed


BREAKS = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("release unlocked lock")
"""


def test_an_error_that_ctrl_c_became_ends_the_command_as_ctrl_c_does(
    tmp_path: Path, striate: Callable[..., Answer]
) -> None:
    (tmp_path / "net.py").write_text(BREAKS, encoding="utf-8")
    assert striate("summary", "net.py:Net") == (130, "", "striate: interrupted\n")


def test_ctrl_c_as_a_traced_tensor_goes_is_raised() -> None:
    ledger = LiveBytes()
    held = [Storage(4, ledger)]
    press = partial(ctypes.PyDLL(None)["raise"], int(signal.SIGINT))
    # All in C, so that Python hears of it where a tensor that goes has something run, or else after it.
    with pytest.raises(KeyboardInterrupt):
        deque(map(call, [press, held.clear]), maxlen=0)
    assert (ledger.live, ledger.peak) == (0, 4)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C as the threads that make batches ahead are waited for."""
    shutdown = ThreadPoolExecutor.shutdown

    def press(pool: ThreadPoolExecutor, *args: Any, **kwargs: Any) -> None:
        shutdown(pool, *args, **kwargs)
        if pool._thread_name_prefix == "ahead":
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", press)
    monkeypatch.setattr(loader, "LARGE", 0)


SETTINGS = library.Settings(net="conv3-4 relu gap fc-classes", size=8, epochs=1, batch=8, augment="none")


@pytest.mark.usefixtures("impatient")
def test_ctrl_c_at_the_end_of_the_warm_up_of_a_race_is_raised(photos: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        library.race(photos, optimizers=["sgd"], steps=1, settings=SETTINGS)


@pytest.mark.usefixtures("impatient")
def test_ctrl_c_at_the_end_of_a_search_for_the_rate_is_raised(
    tmp_path: Path, make_photos: MakePhotos
) -> None:
    many = make_photos(tmp_path / "many", count=120)  # so that it ends before the first epoch does
    with pytest.raises(KeyboardInterrupt):
        library.find_lr(many, settings=replace(SETTINGS, batch=1))


@pytest.mark.usefixtures("impatient")
def test_ctrl_c_once_the_batch_is_there_that_is_measured_is_raised(photos: Path) -> None:
    prepared = prepare(photos, SETTINGS, Silent())
    with pytest.raises(KeyboardInterrupt):
        measured(prepared, [Engine("contiguous")])
