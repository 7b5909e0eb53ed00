"""Several processes train what one would have trained."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forks import SRC, Server, result, wait_for

import striate as library

# Without norms or dropout, so that a step is the same sum whoever computes which part of it; the last batch of an
# epoch is smaller, and shares are uneven.
NET = "conv3-6 relu maxpool2 conv3-8 relu gap fc-classes"
FLAGS = (
    "--size", "8", "--epochs", "4", "--batch", "9", "--augment", "strong", "--mixup", "0.4", "--cutmix", "1",
    "--checkpoint-every", "2", "--seed", "3",
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A warm process for all tests here."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, make_photos: Any) -> Path:
    """Pictures to train on, and 13 to test with."""
    root = tmp_path_factory.mktemp("ranks") / "photos"
    make_photos(root / "train", count=20)
    make_photos(root / "test", classes={"고양이": 60}, count=6)
    make_photos(root / "test" / "more", classes={"dog": 190}, count=7)
    (root / "test" / "more" / "dog").rename(root / "test" / "dog")
    (root / "test" / "more").rmdir()
    return root


@pytest.fixture(scope="module")
def two(server: Server, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two ranks that nobody stopped."""
    folder = tmp_path_factory.mktemp("two")
    server.run(folder, "train", data, "--net", NET, *FLAGS, "--out", folder / "run", ranks=2)
    return folder / "run"


def losses(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [value for line in lines for name, value in line.items() if name.endswith("loss")]


@pytest.mark.parametrize("ranks", [1, 3])
def test_the_number_of_ranks_does_not_change_the_loss_curve(
    server: Server, data: Path, two: Path, tmp_path: Path, ranks: int
) -> None:
    run = tmp_path / "run"
    child = server.run(tmp_path, "train", data, "--net", NET, *FLAGS, "--out", run, ranks=ranks)
    assert losses(run) == pytest.approx(losses(two), abs=1e-4)
    assert len(losses(run)) > 20
    # Only one rank writes and prints.
    assert (run / "recipe.toml").read_bytes() == (two / "recipe.toml").read_bytes()
    assert [child.said(rank) for rank in range(1, ranks)] == [""] * (ranks - 1)
    assert [(tmp_path / f"out.{rank}").read_text() for rank in range(1, ranks)] == [""] * (ranks - 1)


def test_with_synchronised_norms_ranks_train_what_one_process_trains(
    server: Server, data: Path, tmp_path: Path
) -> None:
    net = "conv3-6 bn relu maxpool2 conv3-8 bn relu gap fc-classes"
    curves = []
    for ranks in (1, 2):
        run = tmp_path / f"run{ranks}"
        server.run(tmp_path, "train", data, "--net", net, *FLAGS, "--sync-bn", "--out", run, ranks=ranks)
        curves.append(losses(run))
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_run_of_two_ranks_goes_on_with_any_number(
    server: Server, data: Path, two: Path, tmp_path: Path, ranks: int
) -> None:
    run = tmp_path / "run"
    child = server.start(tmp_path, "train", data, "--net", NET, *FLAGS, "--out", run, ranks=2)
    wait_for(run / "checkpoints" / "0000000006")
    for pid in child.pids:
        os.kill(pid, signal.SIGKILL)
    child.ends()
    server.run(tmp_path, "resume", run, ranks=ranks)
    assert losses(run) == pytest.approx(losses(two), abs=1e-4)
    assert (result(run) == result(two)) == (ranks == 2)


def test_four_ranks_score_each_of_thirteen_pictures_once(server: Server, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    server.run(tmp_path, "train", data, "--net", NET, *FLAGS, "--out", run, ranks=4)
    scored = library.open_run(run).evaluate(data, split="test")
    last = library.open_run(run).metrics[-1]
    assert last["images"] == scored.images == 13
    assert last["accuracy"] == scored.score
    assert last["loss"] == pytest.approx(scored.loss, abs=1e-6)


def test_an_error_of_one_rank_keeps_its_code(server: Server, data: Path, tmp_path: Path) -> None:
    start = ("train", data, "--net", NET, *FLAGS)
    child = server.start(tmp_path, *start, "--lr", "1e30", "--out", tmp_path / "run", ranks=2)
    assert child.ends() == [5, 4]
    # The first rank has gone back four times by then, and the other with it.
    assert " After 4 rollbacks the peak rate was " in child.err.splitlines()[-1]
    assert child.said(1).startswith("striate: rank 1 of 2 lost the others (")
    (tmp_path / "full").touch()
    child = server.start(tmp_path, *start, "--out", tmp_path / "full", ranks=2)
    assert child.ends() == [1, 4]
    assert child.err.splitlines()[-1] == f"striate: {tmp_path / 'full'}: a file. Give another --out."


def test_ctrl_c_in_one_rank_stops_all_with_a_checkpoint(
    server: Server, data: Path, two: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    child = server.start(tmp_path, "train", data, "--net", NET, *FLAGS, "--out", run, ranks=2)
    wait_for(run / "checkpoints" / "0000000002")
    os.kill(child.pids[1], signal.SIGINT)
    assert child.ends() == [130, 130]
    step = int((run / "checkpoints" / "latest").read_text())
    assert child.err.splitlines()[-1] == (
        f"striate: stopped after step {step} of 16; a checkpoint is written. Go on with: striate resume {run}"
    )
    server.run(tmp_path, "resume", run, ranks=2)
    assert result(run) == result(two)


def launched(cwd: Path, *argv: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "striate", *map(str, argv)],
        cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def process_of_rank(launcher: int, rank: int) -> int:
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    place = f"RANK={rank}".encode()
    return next(
        int(pid) for pid in children if place in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    )


def test_a_killed_rank_ends_the_run_at_once_and_resume_is_exact(
    server: Server, data: Path, two: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    launcher = launched(tmp_path, "train", data, "--net", NET, *FLAGS, "--out", run, "--nproc", 2)
    wait_for(run / "checkpoints" / f"{2 * random.Random(0).randrange(1, 6):010d}")
    os.kill(process_of_rank(launcher.pid, 1), signal.SIGKILL)
    killed = time.monotonic()
    out, err = launcher.communicate(timeout=60)
    assert time.monotonic() - killed < 30
    assert launcher.returncode == 4, err
    assert out == ""
    assert err.splitlines()[-1] == (
        "striate: rank 1 of 2 was ended by SIGKILL, as for want of memory, and the others with it. "
        f"Go on from the last checkpoint with: striate resume {run} --nproc 2"
    )
    server.run(tmp_path, "resume", run, ranks=2)
    assert result(run) == result(two)


def test_ranks_stop_early_with_the_best_weights_and_calibrate_together(
    server: Server, data: Path, tmp_path: Path
) -> None:
    flags = (*FLAGS, "--patience", "2", "--lr", "0.2", "--schedule", "constant", "--epochs", "9")
    found = {}
    for ranks in (1, 3):
        run = tmp_path / f"run of {ranks}"
        server.run(tmp_path, "train", data, "--net", NET, *flags, "--out", run, ranks=ranks)
        config = json.loads((run / "model" / "config.json").read_text())["striate"]["calibration"]
        result = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
        found[ranks] = [config["temperature"], config["threshold"], result["epoch"], *losses(run)]
        assert config["images"] == 4
    assert found[3] == pytest.approx(found[1], abs=1e-3)
