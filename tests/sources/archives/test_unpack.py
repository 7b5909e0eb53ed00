"""Archives in the cache: unpacked once, whole or not at all."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate
from striate.errors import StorageError
from striate.host.cache import cache_folder
from striate.progress import Silent
from striate.runs.run import open_run
from striate.sources.archives.unpack import unpack
from striate.sources.opening import open_source

Striate = Callable[..., Any]
MakeDisk = Callable[[str], Path]
OPEN = "import sys; from striate.sources.opening import open_source; print(len(open_source(sys.argv[1]).splits['all']))"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))


def archive(path: Path, *, count: int = 20, size: int = 1000) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name in "ab":
            for i in range(count):
                opened.writestr(f"{name}/{i}.png", np.random.default_rng(i).bytes(size))
    return path


def kept() -> list[str]:
    return sorted(p.name for p in (cache_folder() / "archives").glob("*") if p.suffix != ".lock")


def opening(path: Path) -> "subprocess.Popen[str]":
    """Open an archive in another process, which prints how many pictures it holds."""
    env = {**os.environ, "PYTHONPATH": str(Path(striate.__file__).parent.parent)}
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, str(path)], stdout=subprocess.PIPE, text=True, env=env
    )


class Phases(Silent):
    """Remembers what was begun, and how much of it was done."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int, str]] = []
        self.done = 0

    def begin(self, phase: str, total: int, *, unit: str = "images") -> None:
        self.begun.append((phase, total, unit))

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        self.done += count


def test_an_archive_is_unpacked_once_and_anew_when_it_has_changed(tmp_path: Path) -> None:
    path, phases = archive(tmp_path / "a.zip", size=300_000), Phases()
    open_source(path, progress=phases)
    open_source(path, progress=phases)
    assert phases.begun == [("unpacking a.zip", 11, "MB")]
    assert phases.done == 11
    archive(path, count=5)
    assert len(open_source(path, progress=phases).splits["all"]) == 10
    assert len(phases.begun) == 2


def test_an_archive_changed_within_its_size_and_date_is_unpacked_anew(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", count=2)
    stat = path.stat()
    open_source(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"a/1.png", b"a/7.png"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert open_source(path).splits["all"].name(1) == "a/7.png"


def test_a_picture_unpacked_again_has_the_name_and_stamp_it_had(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip")
    before = open_source(path).splits["all"]
    marks = [(before.name(i), before.stamp(i)) for i in range(len(before))]
    shutil.rmtree(cache_folder())
    time.sleep(0.01)
    after = open_source(path).splits["all"]
    assert [(after.name(i), after.stamp(i)) for i in range(len(after))] == marks


def test_use_is_marked_so_that_the_cache_can_forget_what_is_not_used(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip")
    folder = unpack(path, Silent()).folder.parent
    os.utime(folder, (0, 0))
    open_source(path)
    assert time.time() - folder.stat().st_mtime < 60


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.2])
def test_a_kill_leaves_no_half_archive_to_be_taken_for_a_whole(tmp_path: Path, delay: float) -> None:
    path = archive(tmp_path / "a.zip", count=1500)
    with opening(path) as process:
        begin = time.monotonic()
        while not list((cache_folder() / "archives").glob("*.part")) and time.monotonic() < begin + 30:
            time.sleep(0.001)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    assert len(open_source(path).splits["all"]) == 3000
    assert len(kept()) == 1
    assert not kept()[0].endswith(".part")


def test_two_processes_unpack_an_archive_once(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", count=2000)
    processes = [opening(path) for _ in range(2)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["4000\n", "4000\n"]
    assert len(kept()) == 1


@pytest.fixture
def full_soon(small_disk: MakeDisk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache on a disk of 70 MB."""
    folder = small_disk("70m")
    monkeypatch.setenv("STRIATE_CACHE", str(folder))
    return folder


def test_an_archive_larger_than_the_disk_is_refused_before_it_is_unpacked(
    full_soon: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError) as caught:
        open_source(archive(tmp_path / "a.zip", count=10, size=1_000_000))
    assert str(caught.value) == (
        f"{full_soon}: 73 MB free, too little to unpack 20 MB. "
        "Free some space, or put the cache elsewhere: STRIATE_CACHE=FOLDER"
    )
    assert kept() == []


def test_a_disk_that_fills_up_on_the_way_leaves_nothing_behind(
    full_soon: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("striate.sources.archives.unpack.SPARE_BYTES", -(1 << 40))
    with pytest.raises(StorageError) as caught:
        open_source(archive(tmp_path / "a.zip", count=40, size=1_000_000))
    assert str(caught.value) == (
        f"{full_soon}: cannot be written (No space left on device). "
        "Free some space, or put the cache elsewhere: STRIATE_CACHE=FOLDER"
    )
    assert kept() == []


def test_a_cache_that_cannot_be_written_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError) as caught:
        open_source(archive(tmp_path / "a.zip"))
    assert str(caught.value) == (
        f"{tmp_path}/file: cannot be written (Not a directory). "
        "Free some space, or put the cache elsewhere: STRIATE_CACHE=FOLDER"
    )


def test_a_run_on_an_archive_is_that_on_its_folder_and_outlives_the_cache(
    striate: Striate, photos: Path, flags: tuple[str, ...], tmp_path: Path
) -> None:
    shutil.make_archive(str(tmp_path / "사진첩"), "zip", photos.parent, photos.name)
    path = tmp_path / "사진첩.zip"
    assert striate("train", path, *flags, "--out", "zipped").code == 0
    assert striate("train", photos, *flags, "--out", "plain").code == 0
    zipped, plain = open_run(tmp_path / "zipped"), open_run(tmp_path / "plain")
    assert zipped.recipe.data == zipped.manifest.root == str(path)
    assert zipped.manifest.splits == plain.manifest.splits
    for name, weight in zipped.model.state_dict().items():
        assert (weight == plain.model.state_dict()[name]).all(), name
    shutil.rmtree(cache_folder())
    assert striate("eval", "zipped").out == striate("eval", "plain").out
    path.unlink()
    assert striate("eval", "zipped").err == (
        f"striate: {path}: the data set of the run is no longer there. "
        "If it has moved, say where: striate resume zipped --data DATA, or striate eval zipped DATA\n"
    )


def test_a_run_on_an_archive_is_named_without_its_ending(
    striate: Striate, photos: Path, flags: tuple[str, ...], tmp_path: Path
) -> None:
    shutil.make_archive(str(tmp_path / "사진첩"), "gztar", photos.parent, photos.name)
    assert striate("train", "사진첩.tar.gz", *flags).code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("-spec-사진첩")
