"""A run that was stopped, however rudely, ends with the same bytes as one that was not."""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from forks import Server, result, wait_for

from striate.learning.optim import OPTIMIZERS

SERVER = Path(__file__).with_name("forkserver.py")
SRC = Path(__file__).parent.parent / "src"
# 5 steps an epoch, and dropout, batch norm, augmentation and mixing, so that every kind of state is at stake.
FLAGS = (
    "--net", "conv3-4 bn relu dropout0.3 gap fc-classes", "--size", "8", "--epochs", "8", "--batch", "6",
    "--augment", "strong", "--mixup", "0.4", "--cutmix", "1", "--checkpoint-every", "2",
)  # fmt: skip
# What else a run may have been asked for; every optimizer has an average, and parts, or not.
WAYS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "one that goes back": ("--net", "(conv3-8 relu)*4 gap fc-classes", "--lr", "3", "--ema", "0.99"),
    "the best epoch": ("--schedule", "plateau", "--patience", "3", "--progressive", "0.5"),
    "fewer bits": ("--precision", "bf16", "--layout", "channels_last"),
    "a loss that is multiplied": ("--precision", "fp16", "--lr", "0.01"),
    "parts, clipped": ("--accumulate", "3", "--clip-norm", "0.5", "--sampling", "balanced"),
} | {
    name: ("--optimizer", name, "--ema", "0.9", *(("--accumulate", "2") if number % 2 else ()))
    for number, name in enumerate(sorted(OPTIMIZERS))
}
# How often runs are killed in all, and each; `make soak` asks for 500.
KILLS = int(os.environ.get("STRIATE_KILLS", "50"))
KILLS_A_RUN = 5


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A warm process for all tests here."""
    server = Server()
    yield server
    server.stop()


class Whole(NamedTuple):
    """A run that nobody stopped: its folder, its data and flags, and how long it took."""

    folder: Path
    photos: Path
    flags: tuple[str, ...]
    seconds: float


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


class Wholes:
    """The runs that nobody stopped, each made when first asked for."""

    def __init__(self, server: Server, folder: Path, photos: Path) -> None:
        self.photos = photos
        self._server, self._folder = server, folder
        self._made: dict[str, Whole] = {}

    def __getitem__(self, way: str) -> Whole:
        if way not in self._made:
            flags, run = (*FLAGS, *WAYS[way]), self._folder / str(len(self._made))
            began = time.monotonic()
            self._server.run(self._folder, "train", self.photos, *flags, "--out", run)
            self._made[way] = Whole(run, self.photos, flags, time.monotonic() - began)
        return self._made[way]


@pytest.fixture(scope="module")
def wholes(server: Server, tmp_path_factory: pytest.TempPathFactory, make_photos: Any) -> Iterator[Wholes]:
    photos = make_photos(tmp_path_factory.mktemp("whole") / "photos")
    with in_memory() as folder:
        # The first run takes longer than those whose time is told, since it packs the pictures.
        server.run(folder, "train", photos, *FLAGS, "--epochs", "1", "--out", folder / "first")
        yield Wholes(server, folder, photos)


@pytest.fixture(scope="module")
def whole(wholes: Wholes) -> Whole:
    return wholes["plain"]


def last_checkpoint(run: Path) -> dict[str, bytes]:
    """Return the newest checkpoint's tensors as bytes, and its state but for the record's length: that has times."""
    newest = run / "checkpoints" / (run / "checkpoints" / "latest").read_text()
    state = json.loads((newest / "state.json").read_bytes())
    tensors = {path.name: path.read_bytes() for path in sorted(newest.glob("*.safetensors"))}
    return tensors | {"state": json.dumps({**state, "record_length": 0}).encode()}


def test_two_runs_of_one_recipe_end_with_the_same_bytes(server: Server, whole: Whole, tmp_path: Path) -> None:
    server.run(tmp_path, "train", whole.photos, *FLAGS, "--threads", "1", "--out", tmp_path / "run")
    assert result(tmp_path / "run") == result(whole.folder)
    assert (tmp_path / "run" / "recipe.toml").read_bytes() == (whole.folder / "recipe.toml").read_bytes()


@pytest.mark.parametrize("trial", range(max(len(WAYS), KILLS // KILLS_A_RUN)))
def test_a_run_killed_at_random_moments_resumes_to_the_same_bytes(
    server: Server, wholes: Wholes, quick: Path, trial: int
) -> None:
    way = list(WAYS)[trial % len(WAYS)]
    whole, run, moment = wholes[way], quick / "run", random.Random(trial)
    assert ("rollback" in {line["kind"] for line in result(whole.folder)[1]}) is (way == "one that goes back")
    killed = 0
    while killed < KILLS_A_RUN:
        if not (run / "recipe.toml").exists():
            # Threads that decode do not decide anything.
            threads = ("--threads", 1 + trial % 4)
            child = server.start(quick, "train", whole.photos, *whole.flags, *threads, "--out", run)
            wait_for(run / "recipe.toml")
        else:
            child = server.start(quick, "resume", run)
        time.sleep(moment.uniform(0, whole.seconds * 0.3))
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.kill(child.pid, signal.SIGKILL)
        if child.end() == -signal.SIGKILL:
            killed += 1
        else:
            assert result(run) == result(whole.folder)
            shutil.rmtree(run)
    if not (run / "recipe.toml").exists():
        server.run(quick, "train", whole.photos, *whole.flags, "--out", run)
    server.run(quick, "resume", run)
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
