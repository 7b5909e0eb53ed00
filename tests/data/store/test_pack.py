"""Packs: each picture is decoded once, whatever happens to the process, the disk or the files."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from stores import same

from striate.data.store import pack as pack_module
from striate.data.store import store as store_module
from striate.data.store.pack import ENTRY, INDEX, ROWS, PackPath, place_of_pack, read_index
from striate.data.store.reader import Reader
from striate.data.store.store import Bad, Store, fill, fill_packed
from striate.host.cache import cache_folder
from striate.host.threads import TOGETHER
from striate.pictures.preprocess import Preprocess
from striate.progress import Silent
from striate.sources.folders.files import FilePictures
from striate.sources.folders.folder import open_folder

PREPROCESS = Preprocess(size=(8, 8), channels=3, mean=(), std=())
PACKER = Path(__file__).with_name("packer.py")


@dataclass
class Listener(Silent):
    """Keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)


@dataclass
class Counter(Listener):
    """Keeps of each phase its name and how much of it was done, too."""

    phases: list[tuple[str, int]] = field(default_factory=list)

    def begin(self, phase: str, total: int, *, score: str = "", unit: str = "") -> None:
        self.phases.append((phase, 0))

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        phase, done = self.phases.pop()
        self.phases.append((phase, done + count))


@dataclass(frozen=True)
class Watched:
    """Pictures that remember which of them were read."""

    pictures: FilePictures
    read_names: list[str] = field(default_factory=list)

    @property
    def labels(self) -> NDArray[Any]:
        return self.pictures.labels

    def __len__(self) -> int:
        return len(self.pictures)

    def name(self, index: int) -> str:
        return self.pictures.name(index)

    def stamp(self, index: int) -> int:
        return self.pictures.stamp(index)

    def read(self, index: int) -> bytes:
        self.read_names.append(self.name(index))
        return self.pictures.read(index)

    def subset(self, indices: NDArray[np.int64]) -> "Watched":
        return Watched(self.pictures.subset(indices), self.read_names)


def write(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for i in range(20):
        write(tmp_path / "photos" / ("개" if i % 2 else "cat") / f"{i:02}.png", i)
    return tmp_path / "photos"


@pytest.fixture
def place(tmp_path: Path) -> PackPath:
    return place_of_pack(
        tmp_path / "cache", "photos", shape=PREPROCESS.shape, dtype=PREPROCESS.dtype, how="exact"
    )


def watched(root: Path) -> Watched:
    pictures = open_folder(root).splits["all"]
    assert isinstance(pictures, FilePictures)
    return Watched(pictures)


def packed(pictures: Any, place: PackPath, *, listener: Silent | None = None) -> Store:
    return fill_packed(pictures, PREPROCESS, place, threads=2, progress=listener or Silent())


def in_memory(root: Path) -> Store:
    return fill(open_folder(root).splits["all"], PREPROCESS, threads=1, progress=Silent())


def test_a_pack_holds_what_is_decoded_into_memory_and_is_read_without_the_files(
    photos: Path, place: PackPath
) -> None:
    first, again = watched(photos), watched(photos)
    assert same(packed(first, place), in_memory(photos))
    assert len(first.read_names) == 20
    assert same(packed(again, place), in_memory(photos))
    assert again.read_names == []


def test_any_part_of_the_set_is_served_by_the_one_pack(photos: Path, place: PackPath) -> None:
    odd = watched(photos).subset(np.arange(1, 20, 2))
    assert same(packed(odd, place), in_memory(photos).subset(np.arange(1, 20, 2)))
    rest = watched(photos)
    assert same(packed(rest, place), in_memory(photos))
    assert len(rest.read_names) == 10


def test_only_a_changed_or_added_file_is_decoded_again(photos: Path, place: PackPath) -> None:
    packed(watched(photos), place)
    write(photos / "cat" / "02.png", 77)
    write(photos / "cat" / "new.png", 78)
    later = watched(photos)
    assert same(packed(later, place), in_memory(photos))
    assert sorted(later.read_names) == ["cat/02.png", "cat/new.png"]


def test_a_file_that_cannot_be_read_is_named_each_time_and_can_be_mended(
    photos: Path, place: PackPath
) -> None:
    whole = (photos / "cat" / "04.png").read_bytes()
    (photos / "cat" / "04.png").write_bytes(b"<html>")
    for _ in range(2):
        store = packed(watched(photos), place)
        assert store.bad == (Bad("cat/04.png", "not a picture of a known format"),)
        assert same(store, in_memory(photos))
    (photos / "cat" / "04.png").write_bytes(whole)
    assert same(packed(watched(photos), place), in_memory(photos))


def test_a_set_without_a_readable_picture_is_an_empty_store(photos: Path, place: PackPath) -> None:
    for path in photos.rglob("*.png"):
        path.write_bytes(b"")
    store = packed(watched(photos), place)
    assert (len(store), len(store.bad)) == (0, 20)


def test_animations_are_told_of_also_when_they_come_from_the_pack(photos: Path, place: PackPath) -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    frames[0].save(photos / "cat" / "moving.gif", save_all=True, append_images=frames[1:])
    for _ in range(2):
        listener = Listener()
        packed(watched(photos), place, listener=listener)
        assert listener.lines == [
            "note: of 1 animations only the first frame is taken; one is cat/moving.gif"
        ]


@pytest.mark.parametrize("harm", ["no index", "half an entry", "fewer rows", "rows of a crash"])
def test_a_damaged_pack_is_made_anew_or_mended(photos: Path, place: PackPath, harm: str) -> None:
    packed(watched(photos), place)
    index, rows = place.folder / INDEX, place.folder / ROWS
    if harm == "no index":
        index.unlink()
    elif harm == "half an entry":
        index.write_bytes(index.read_bytes()[:-5])
    elif harm == "fewer rows":
        os.truncate(rows, place.row_bytes * 7)
    else:
        with rows.open("ab") as file:
            file.write(b"\7" * (place.row_bytes + 13))
    write(photos / "cat" / "new.png", 5)
    assert same(packed(watched(photos), place), in_memory(photos))
    assert rows.stat().st_size == len(read_index(place)) * place.row_bytes


def test_another_size_fit_or_data_set_has_a_pack_of_its_own(tmp_path: Path) -> None:
    def folder(preprocess: Preprocess, root: str = "a") -> Path:
        return place_of_pack(
            tmp_path, root, shape=preprocess.shape, dtype=preprocess.dtype, how=preprocess.how
        ).folder

    others = [
        replace(PREPROCESS, size=(8, 9)),
        replace(PREPROCESS, fit="squash"),
        replace(PREPROCESS, fit="pad"),
        replace(PREPROCESS, fit="pad", mean=(0.1, 0.2, 0.3)),
        replace(PREPROCESS, channels=1),
        replace(PREPROCESS, depth=16),
        replace(PREPROCESS, rough=True),
    ]
    assert len({folder(one) for one in [PREPROCESS, *others]} | {folder(PREPROCESS, "b")}) == 9


def test_rows_that_may_not_have_reached_the_disk_are_not_trusted_after_the_machine_was_started_anew(
    photos: Path, place: PackPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(watched(photos).subset(np.arange(8)), place)
    packed(watched(photos), place)  # settles the first 8, and adds 12
    (tmp_path / "boot").write_text("01234567-89ab-cdef-0123-456789abcdef\n")
    monkeypatch.setattr(pack_module, "BOOT", tmp_path / "boot")
    later = watched(photos)
    assert len(read_index(place)) == 8
    assert same(packed(later, place), in_memory(photos))
    assert len(later.read_names) == 12


def test_rows_that_another_machine_has_mapped_stay_when_they_are_not_trusted_here(
    photos: Path, place: PackPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = packed(watched(photos), place)
    before, file = there.images.clone(), (place.folder / ROWS).stat().st_ino
    monkeypatch.setattr(pack_module, "BOOT", tmp_path / "boot")
    (tmp_path / "boot").write_text("12345678-1234-1234-1234-123456789abc\n")
    here = packed(watched(photos), place)
    # Another file, since a row that is mapped and cut off ends the process that reads it.
    assert (place.folder / ROWS).stat().st_ino != file
    assert torch.equal(there.images, before)
    assert torch.equal(here.images, before)


def test_where_a_new_start_cannot_be_told_rows_reach_the_disk_before_the_index(
    photos: Path, place: PackPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_module, "BOOT", tmp_path / "none")
    packed(watched(photos), place)
    again = watched(photos)
    assert same(packed(again, place), in_memory(photos))
    assert again.read_names == []


# --- crashes and other processes


def packer(root: Path, cache: Path, *flags: str) -> subprocess.Popen[str]:
    """Pack a folder in a process of its own, a row at a time."""
    return subprocess.Popen(
        [sys.executable, str(PACKER), str(root), *flags],
        env={**os.environ, "STRIATE_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def own_pack(root: Path, cache: Path) -> PackPath:
    return place_of_pack(cache, str(root), shape=PREPROCESS.shape, dtype=PREPROCESS.dtype, how=PREPROCESS.how)


def wait_until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_killed_packer_leaves_whole_rows_and_the_next_goes_on(photos: Path, tmp_path: Path) -> None:
    cache = tmp_path / "kept"
    place = own_pack(photos, cache)
    for kept in (4, 9, 15):
        process = packer(photos, cache, "--slowly")
        wait_until(lambda kept=kept: len(read_index(place)) >= kept)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert kept <= len(read_index(place)) < 20
    later = watched(photos)
    before = len(read_index(place))
    assert same(packed(later, place), in_memory(photos))
    assert len(later.read_names) == 20 - before


def test_two_processes_pack_the_same_set_at_once_and_decode_it_once(photos: Path, tmp_path: Path) -> None:
    cache = tmp_path / "kept"
    first = packer(photos, cache, "--slowly")
    wait_until(lambda: len(read_index(own_pack(photos, cache))) >= 1)
    first.send_signal(signal.SIGSTOP)
    second = packer(photos, cache)
    assert second.stdout is not None
    assert second.stdout.readline() == "another process is packing these pictures; waiting for it\n"
    first.send_signal(signal.SIGCONT)
    assert [process.communicate(timeout=60)[0] for process in (first, second)] == [
        "20 pictures, 20 decoded\n",
        "20 pictures, 0 decoded\n",
    ]
    assert same(packed(watched(photos), own_pack(photos, cache)), in_memory(photos))


def reader(root: Path, listener: Listener, *, threads: int = 2) -> Reader:
    return Reader(data=str(root), root=root, threads=threads, progress=listener)


def test_on_a_full_disk_the_pictures_are_decoded_into_memory_and_that_is_said(
    photos: Path, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small_disk("128k")  # more than the pictures made in one go take, and less than those of two
    monkeypatch.setenv("STRIATE_CACHE", str(disk))
    monkeypatch.setattr("striate.data.store.eviction.SPARE", 0.0)
    monkeypatch.setattr(store_module, "make_room", lambda place, needed: None)  # the disk itself shall say it
    larger = replace(PREPROCESS, size=(64, 64))
    listener = Counter()
    pictures = open_folder(photos).splits["all"]
    store = reader(photos, listener, threads=1).store("train", pictures, larger)
    place = place_of_pack(cache_folder(), str(photos), shape=larger.shape, dtype="uint8", how=larger.how)
    assert listener.lines == [
        f"note: {place.folder}: no pack can be written (No space left on device); "
        "the pictures are decoded into memory instead"
    ]
    assert listener.phases == [("reading train", TOGETHER), ("reading train", len(pictures))]
    assert same(store, fill(pictures, larger, threads=1, progress=Silent()))
    assert read_index(place).dtype == ENTRY


def test_what_is_known_not_to_fit_is_not_even_begun(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE_LIMIT", "1K")
    listener = Listener()
    store = reader(photos, listener).store("train", open_folder(photos).splits["all"], PREPROCESS)
    assert listener.lines == [
        "note: the decoded pictures take 3.8 KB, more than the 1.0 KB of STRIATE_CACHE_LIMIT; "
        "the pictures are decoded into memory instead"
    ]
    assert same(store, in_memory(photos))


def test_without_packs_pictures_are_decoded_each_time(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = watched(photos)
    unpacked = Reader(data=str(photos), root=photos, threads=2, progress=Silent(), pack=False)
    store = unpacked.store("train", pictures, PREPROCESS)
    assert same(store, in_memory(photos))
    before = len(pictures.read_names)
    store.take(np.array([3, 1]))
    assert len(pictures.read_names) == before + 2
