"""Small data sets and runs: pictures of 8 pixels, a network of a few dozen weights, a handful of steps."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pytest
import torch
from PIL import Image

from striate.cli.main import main

# The brightness that tells one class from the other.
CLASSES = {"고양이": 60, "dog": 190}
SPEC = "conv3-4 relu gap fc-classes"
FLAGS = ("--net", SPEC, "--size", "8", "--epochs", "2", "--batch", "8", "--augment", "none", "--threads", "2")


MakeDisk = Callable[[str], Path]


class Answer(NamedTuple):
    """What a command returned and printed."""

    code: int
    out: str
    err: str


class MakePhotos(Protocol):
    def __call__(
        self, root: Path, *, classes: dict[str, int] = ..., count: int = ..., grey: bool = ...
    ) -> Path: ...


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _hears_ctrl_c() -> None:
    """Let the processes of the tests hear Ctrl-C, which those that a shell starts in the background do not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the tests cache out of the user's own cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STRIATE_CACHE", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def make_photos() -> MakePhotos:
    """Write a folder of class folders of noisy squares."""

    def make(root: Path, *, classes: dict[str, int] = CLASSES, count: int = 20, grey: bool = False) -> Path:
        for name, brightness in classes.items():
            (root / name).mkdir(parents=True)
            for i in range(count):
                noise = np.random.default_rng((brightness, i)).integers(
                    -50, 50, (8, 8) if grey else (8, 8, 3)
                )
                Image.fromarray((brightness + noise).clip(0, 255).astype(np.uint8)).save(
                    root / name / f"사진{i}.png"
                )
        return root

    return make


@pytest.fixture
def photos(tmp_path: Path, make_photos: MakePhotos) -> Path:
    """A folder of two classes, one with a Korean name, of 20 pictures each."""
    return make_photos(tmp_path / "photos")


@pytest.fixture
def striate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Answer]:
    """Run the command line in the test's own folder."""
    monkeypatch.chdir(tmp_path)

    def run(*argv: object) -> Answer:
        capsys.readouterr()
        code = main([str(arg) for arg in argv])
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory, make_photos: MakePhotos) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert main(["train", str(make_photos(folder / "photos")), *FLAGS, "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture
def finished(tmp_path: Path, _trained: Path) -> Iterator[Path]:
    """A copy of a finished run, for a test to damage. Its data set is shared: leave that as it is."""
    return shutil.copytree(_trained, tmp_path / "run")


@pytest.fixture
def flags() -> tuple[str, ...]:
    """The flags of a run that takes a moment."""
    return FLAGS


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[MakeDisk]:
    """Mount a disk of a size such as "70m"; the test is skipped where that is not allowed."""
    mounted = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small disk needs root")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
