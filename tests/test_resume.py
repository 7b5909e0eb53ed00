"""A run that was stopped, however rudely, ends with the same bytes as one that was not."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from forks import Server, result, wait_for

# 5 steps an epoch, and dropout, batch norm, augmentation and mixing, so that every kind of state is at stake.
NET = "conv3-4 bn relu dropout0.3 gap fc-classes"
FLAGS = (
    "--net",
    NET,
    "--size",
    "8",
    "--epochs",
    "8",
    "--batch",
    "6",
    "--augment",
    "strong",
    "--mixup",
    "0.4",
    "--cutmix",
    "1",
    "--checkpoint-every",
    "2",
)
TRIES = 10


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A warm process for all tests here."""
    server = Server()
    yield server
    server.stop()


class Whole(NamedTuple):
    """The run that nobody stopped, and its data."""

    folder: Path
    photos: Path


@contextmanager
def in_memory() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory where there is such a place, since a run here waits for the disk some 500 times."""
    with in_memory() as folder:
        yield folder


@pytest.fixture(scope="module")
def whole(server: Server, tmp_path_factory: pytest.TempPathFactory, make_photos: Any) -> Whole:
    """Train without being stopped."""
    folder = tmp_path_factory.mktemp("whole")
    photos = make_photos(folder / "photos")
    server.run(folder, "train", photos, *FLAGS, "--out", folder / "run")
    return Whole(folder / "run", photos)


@pytest.fixture(scope="module")
def seconds(server: Server, whole: Whole) -> float:
    """How long the training takes in the quick folder."""
    with in_memory() as folder:
        child = server.start(folder, "train", whole.photos, *FLAGS, "--out", folder / "run")
        wait_for(folder / "run" / "recipe.toml")
        began = time.monotonic()
        wait_for(folder / "run" / "model")
        ended = time.monotonic()
        assert child.end() == 0, child.err
    return ended - began


def last_checkpoint(run: Path) -> tuple[bytes, bytes]:
    newest = run / "checkpoints" / (run / "checkpoints" / "latest").read_text()
    return (newest / "optimizer.safetensors").read_bytes(), (newest / "model.safetensors").read_bytes()


def test_two_runs_of_one_recipe_end_with_the_same_bytes(server: Server, whole: Whole, tmp_path: Path) -> None:
    server.run(tmp_path, "train", whole.photos, *FLAGS, "--threads", "1", "--out", tmp_path / "run")
    assert result(tmp_path / "run") == result(whole.folder)
    assert (tmp_path / "run" / "recipe.toml").read_bytes() == (whole.folder / "recipe.toml").read_bytes()


@pytest.mark.parametrize("trial", range(TRIES))
def test_a_run_killed_at_a_random_moment_resumes_to_the_same_bytes(
    server: Server, whole: Whole, seconds: float, quick: Path, trial: int
) -> None:
    moment = random.Random(trial)
    run = quick / "run"
    # Threads that decode do not decide anything.
    threads = ("--threads", 1 + trial % 4)
    child = server.start(quick, "train", whole.photos, *FLAGS, *threads, "--out", run)
    wait_for(run / "recipe.toml")
    killed = 0
    for _ in range(2):
        time.sleep(moment.uniform(0, seconds * 0.6))
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.kill(child.pid, signal.SIGKILL)
        killed += child.end() == -signal.SIGKILL
        child = server.start(quick, "resume", run)
    assert child.end() == 0, child.err
    assert killed >= 1
    assert result(run) == result(whole.folder)
    assert last_checkpoint(run) == last_checkpoint(whole.folder)


@pytest.mark.parametrize("call", [7, 25, 34, 47])
def test_a_power_cut_while_a_checkpoint_is_written_costs_nothing(
    server: Server, whole: Whole, tmp_path: Path, call: int
) -> None:
    run = tmp_path / "run"
    child = server.start(tmp_path, "train", whole.photos, *FLAGS, "--out", run, crash_at=call)
    assert child.end() == 77
    if not (run / "recipe.toml").exists():  # it had not begun
        assert call < 10
        return
    server.run(tmp_path, "resume", run)
    assert result(run) == result(whole.folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_writes_a_checkpoint_and_prints_the_way_on(
    server: Server, whole: Whole, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "my run"
    child = server.start(tmp_path, "train", whole.photos, *FLAGS, "--epochs", "400", "--out", run)
    wait_for(run / "checkpoints" / "latest")
    os.kill(child.pid, number)
    assert child.end() == 130
    step = int((run / "checkpoints" / "latest").read_text())
    assert child.err.splitlines()[-1] == (
        f"striate: stopped after step {step} of 2000; a checkpoint is written. "
        f"Go on with: striate resume '{run}'"
    )
    resumed = server.start(tmp_path, "resume", run)
    while "going on" not in resumed.err:
        time.sleep(0.001)
    os.kill(resumed.pid, signal.SIGINT)
    assert resumed.end() == 130
    assert resumed.err.splitlines()[0] == f"going on from step {step} of 2000"
