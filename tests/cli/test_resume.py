import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from striate.host.durable import SPARE_BYTES
from striate.runs.folder.lock import only_writer

Striate = Callable[..., Any]

# The verbs that read a run.
READERS = ("resume", "eval", "predict", "report")


def test_a_finished_run_says_so_and_is_left_as_it_is(striate: Striate, finished: Path) -> None:
    answer = striate("resume", finished)
    assert answer == (
        0,
        f"run     {finished}\nreport  {finished}/report.html\n",
        f"{finished}: already trained to its end\n",
    )


def test_a_second_writer_is_refused(striate: Striate, finished: Path) -> None:
    with only_writer(finished):
        answer = striate("resume", finished)
    assert answer == (
        1,
        "",
        f"striate: {finished}: another process is writing this run. Wait for it or stop it.\n",
    )


@pytest.mark.parametrize("verb", READERS)
def test_a_run_of_a_newer_version_is_refused_by_every_reader(
    striate: Striate, finished: Path, verb: str
) -> None:
    recipe = finished / "recipe.toml"
    recipe.write_text(
        recipe.read_text(encoding="utf-8").replace("format = 2\n", "format = 3\n"), encoding="utf-8"
    )
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    answer = striate(verb, finished, *(["a.png"] if verb == "predict" else []))
    assert answer == (
        2,
        "",
        f"striate: {finished}: written by a newer striate (run format 3, this version reads up to 2). "
        "Upgrade with: pip install -U striate\n",
    )
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("verb", READERS)
def test_what_is_no_run_is_refused_by_every_reader(striate: Striate, tmp_path: Path, verb: str) -> None:
    more = ["a.png"] if verb == "predict" else []
    assert striate(verb, "runs/gone", *more) == (
        2, "", "striate: runs/gone: no such folder. Give a run folder, such as one below runs/.\n",
    )  # fmt: skip
    assert striate(verb, tmp_path, *more) == (
        2, "", f"striate: {tmp_path}: not a run folder (it has no recipe.toml).\n",
    )  # fmt: skip


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[int], None]]:
    """Mount a disk of `size` bytes; what is yielded changes its size. Skip the test where that is not allowed."""
    folder.mkdir()

    def mount(options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    if os.geteuid() != 0 or shutil.which("mount") is None or not mount(f"size={size}"):
        pytest.skip("mounting a small disk needs root")
    try:
        yield (
            lambda larger: None if mount(f"remount,size={larger}") else pytest.fail("cannot enlarge the disk")
        )
    finally:
        subprocess.run(["umount", str(folder)], check=True)


# 200,000 weights: with their momentum a checkpoint of 1.6 MB.
LARGE = "conv3-8 relu fc-390 relu fc-classes"


def test_a_full_disk_stops_with_the_old_checkpoint_whole_and_the_run_goes_on_later(
    striate: Striate, photos: Path, tmp_path: Path
) -> None:
    flags = (
        "--net",
        LARGE,
        "--size",
        "8",
        "--epochs",
        "3",
        "--batch",
        "8",
        "--optimizer",
        "momentum",
        "--augment",
        "none",
    )
    assert striate("train", photos, *flags, "--out", "whole").code == 0
    with small_disk(tmp_path / "disk", 3_000_000 + SPARE_BYTES // 2) as enlarge:
        run = tmp_path / "disk" / "run"
        answer = striate("train", photos, *flags, "--out", run)
        assert answer.code == 3
        assert answer.err.splitlines()[-1] == (
            f"striate: {run}/checkpoints: cannot be written (No space left on device). Free some space, then go on "
            f"from the checkpoint before, which is whole: striate resume {run}"
        )
        assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
            "0000000000",
            "0000000004",
            "latest",
        ]
        again = striate("resume", run)
        assert (again.code, again.err.splitlines()[0]) == (3, "going on from step 4 of 12")
        enlarge(50_000_000)
        assert striate("resume", run).code == 0
        weights = (run / "model" / "model.safetensors").read_bytes()
    assert weights == Path("whole/model/model.safetensors").read_bytes()


def test_a_disk_that_is_full_from_the_start_is_told(
    striate: Striate, photos: Path, tmp_path: Path, flags: Any
) -> None:
    with small_disk(tmp_path / "disk", 4096) as enlarge:
        run = tmp_path / "disk" / "run"
        answer = striate("train", photos, *flags, "--out", run)
        assert list(run.iterdir()) == []
        enlarge(10_000_000)
        assert striate("train", photos, *flags, "--out", run).code == 0
    assert answer.code == 3
    assert answer.err.splitlines()[-1] == (
        f"striate: {run}: cannot be written (No space left on device). Free some space, then train again; "
        "nothing was trained yet."
    )


def test_a_read_only_disk_is_told(
    striate: Striate, photos: Path, tmp_path: Path, finished: Path, flags: Any
) -> None:
    with small_disk(tmp_path / "disk", 10_000_000):
        run = shutil.copytree(finished, tmp_path / "disk" / "run")
        subprocess.run(["mount", "-o", "remount,ro", str(run.parent)], check=True)
        assert striate("eval", run).code == 0
        assert striate("report", run) == (
            3, "", f"striate: {run}/report.html: cannot be written (Read-only file system). The run itself is whole. "
            f"When it can be written, run: striate report {run}\n",
        )  # fmt: skip
        answer = striate("train", photos, *flags, "--out", run.parent / "new")
        assert (answer.code, answer.err.splitlines()[-1]) == (
            3, f"striate: {run.parent}/new: cannot be made (Read-only file system). Say where the run shall be: "
            "--out FOLDER",
        )  # fmt: skip
        assert striate("resume", run) == (
            3, "", f"striate: {run}: cannot be written (Read-only file system). When it can be written again, "
            f"run: striate resume {run}\n",
        )  # fmt: skip
