"""Shards elsewhere, on a real server of this machine and in fsspec's memory."""

import io
import socket
import tarfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from webserver import Server

from striate.errors import DataError, StorageError, UsageError
from striate.host.cache import cache_folder
from striate.runs.run import open_run
from striate.sources.opening import open_source
from striate.sources.shards import blocks, retry
from striate.sources.shards.blocks import Blocks

pytest.importorskip("aiohttp")
Striate = Callable[..., Any]
MakeDisk = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(retry, "PAUSES", (0.01, 0.01, 0.01))


def content(shard: int, sample: int, size: int = 2000) -> bytes:
    return np.random.default_rng((shard, sample)).bytes(size)


def packed(shard: int, *, count: int = 20, size: int = 2000) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for i in range(count):
            for name, data in ((f"{i:04d}.jpg", content(shard, i, size)), (f"{i:04d}.cls", b"%d" % (i % 2))):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    files = {f"/set/train-{i}.tar": packed(i) for i in range(3)} | {"/set/classes.txt": "개\n고양이".encode()}
    with Server(files) as running:
        yield running


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 14)


def refusal(place: str, kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        open_source(place)
    return str(caught.value)


# --- what opens


@pytest.mark.usefixtures("small_blocks")
def test_shards_of_a_web_server_are_read_by_ranges(server: Server) -> None:
    place = f"{server.url}/set/train-{{0..2}}.tar"
    source = open_source(place)
    assert (source.root, source.format, source.evidence, source.classes) == (
        place,
        "WebDataset",
        "it is an address of shards",
        ("개", "고양이"),
    )
    pictures = source.splits["train"]
    assert pictures.name(59) == "train-2/0019.jpg"
    for i in np.random.default_rng(0).permutation(60):
        assert pictures.read(i) == content(i // 20, i % 20)
    assert pictures.stamp(0) != pictures.stamp(1)


@pytest.mark.parametrize(
    "place", ["memory://한글/set/train-{0..2}.tar", "memory://한글/set", "memory://한글/set/"]
)
def test_a_pattern_or_a_folder_that_its_server_lists_is_a_set(place: str) -> None:
    files = fsspec.filesystem("memory")
    for i in range(3):
        files.pipe(f"memory://한글/set/train-{i}.tar", packed(i))
    pictures = open_source(place).splits["train"]
    assert [pictures.name(i) for i in (0, 20, 59)] == [
        "train-0/0000.jpg",
        "train-1/0000.jpg",
        "train-2/0019.jpg",
    ]
    assert pictures.read(45) == content(2, 5)


def test_splits_may_be_folders_elsewhere() -> None:
    files = fsspec.filesystem("memory")
    for i, split in enumerate(("train", "val")):
        files.pipe(f"memory://folders/{split}/0.tar", packed(i))
    splits = open_source("memory://folders").splits
    assert {name: (len(pictures), pictures.name(0)) for name, pictures in splits.items()} == {
        "train": (20, "train/0/0000.jpg"),
        "val": (20, "val/0/0000.jpg"),
    }


def test_a_token_after_the_path_stays_with_it_but_not_in_names(server: Server) -> None:
    place = f"{server.url}/set/train-1.tar?token=a/b"
    pictures = open_source(place).splits["train"]
    assert (pictures.name(0), pictures.read(0)) == ("train-1/0000.jpg", content(1, 0))
    assert set(server.asked) >= {"/set/train-1.tar?token=a/b"}


def test_an_index_is_kept_so_that_a_shard_is_read_through_once(server: Server) -> None:
    place = f"{server.url}/set/train-{{0..2}}.tar"
    open_source(place)
    sent = server.sent
    assert sent > sum(map(len, server.files.values()))
    open_source(place)
    assert server.sent - sent < 1000
    server.files["/set/train-1.tar"] = packed(7, count=25)
    assert len(open_source(place).splits["train"]) == 65


# --- a set larger than what is kept of it


@pytest.mark.usefixtures("small_blocks")
def test_reading_page_by_page_fetches_every_byte_about_once(server: Server) -> None:
    pictures: Any = open_source(f"{server.url}/set/train-{{0..2}}.tar").splits["train"]
    server.sent = 0
    with ThreadPoolExecutor(8) as pool:
        for page in pictures.pages():
            assert list(pool.map(pictures.read, page)) == [content(i // 20, i % 20) for i in page]
    assert server.sent < 1.1 * sum(len(server.files[f"/set/train-{i}.tar"]) for i in range(3))


@pytest.mark.usefixtures("small_blocks")
def test_pictures_far_apart_cost_their_own_bytes(server: Server) -> None:
    server.files["/large.tar"] = packed(9, count=500)
    place = f"{server.url}/large.tar"
    open_source(place)
    pictures = open_source(place).splits["all"]
    server.sent = 0
    for i in range(50, 500, 25):
        assert pictures.read(i) == content(9, i)
    assert server.sent == 18 * 2000


def test_memory_stays_bounded_by_the_blocks_and_not_by_the_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 16)
    kept = blocks.MOST_BLOCKS << 16  # 1 MiB
    shard = packed(0, count=80, size=50_000)  # 4 MB, a dozen times over
    files = {f"/{i:02d}.tar": shard for i in range(12)}
    with Server(files) as server:
        tracemalloc.start()
        pictures = open_source(f"{server.url}/{{00..11}}.tar").splits["all"]
        indexed = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        for i in range(0, len(pictures), 2):
            pictures.read(i)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert server.sent > 2 * 0.9 * 12 * len(shard)  # read through twice
    assert max(indexed, peak) < 5 * kept


def test_no_more_than_so_many_blocks_are_kept_and_each_is_fetched_once_for_all_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 10)
    whole = bytes(range(250)) * 4
    fetched: list[tuple[int, int]] = []
    begin = threading.Event()

    def fetch(place: str, start: int, stop: int) -> bytes:
        begin.wait(5)
        fetched.append((start, stop))
        return whole[start:stop]

    store = Blocks(fetch)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(store.read, "x", len(whole), 0, 15) for _ in range(8)]
        begin.set()
        assert [future.result() for future in waiting] == [whole[:15]] * 8
    assert sorted(fetched) == [(0, 10), (10, 20), (20, 30)]
    for start in range(0, 1000, 7):
        assert store.read("x", len(whole), start, 33) == whole[start : start + 33]
    assert len(store._blocks) == blocks.MOST_BLOCKS
    assert store.read("x", len(whole), 2000, 5) == b""


# --- what goes wrong


def test_what_is_not_there_is_said_at_once(server: Server) -> None:
    place = f"{server.url}/set/train-{{0..3}}.tar"
    assert refusal(place) == f"{server.url}/set/train-3.tar: cannot be fetched (there is no such file)."
    assert server.asked["/set/train-3.tar"] == 1
    server.status = 403
    place = f"{server.url}/set/train-0.tar"
    assert refusal(place) == f"{place}: cannot be fetched (the server answers 403)."


def test_a_server_in_trouble_is_tried_again_a_few_times(server: Server) -> None:
    server.status = 503
    place = f"{server.url}/set/train-0.tar"
    assert refusal(place) == (
        f"{place}: cannot be fetched (the server answers 503), though tried 4 times. "
        "Try again later; a run goes on where it stopped."
    )
    assert server.asked["/set/train-0.tar"] == 4


def test_a_server_that_is_not_there_is_an_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = f"http://127.0.0.1:{port}/train-0.tar"
    assert refusal(place) == (
        f"{place}: cannot be fetched (Connect call failed ('127.0.0.1', {port})), though tried 4 times. "
        "Try again later; a run goes on where it stopped."
    )


def test_a_connection_cut_half_way_is_made_again(server: Server) -> None:
    pictures = open_source(f"{server.url}/set/train-{{0..2}}.tar").splits["train"]
    fresh = open_source(f"{server.url}/set/train-{{0..2}}.tar").splits["train"]
    server.cut = 3
    assert fresh.read(0) == content(0, 0)
    assert server.cut == 0
    assert pictures.read(0) == content(0, 0)


def test_a_connection_that_is_always_cut_is_an_error_and_no_later_picture_waits_for_it(
    server: Server,
) -> None:
    place = f"{server.url}/set/train-0.tar"
    open_source(place)
    pictures = open_source(place).splits["train"]
    server.cut = 1000
    with pytest.raises(DataError) as caught:
        pictures.read(0)
    assert str(caught.value).startswith(f"{place}: cannot be fetched (")
    assert str(caught.value).endswith(
        "), though tried 4 times. Try again later; a run goes on where it stopped."
    )
    asked = server.asked["/set/train-0.tar"]
    for i in range(20):
        with pytest.raises(DataError):
            pictures.read(i)
    assert server.asked["/set/train-0.tar"] == asked


def test_shards_of_a_server_without_ranges_are_fetched_whole_into_the_cache(server: Server) -> None:
    server.ranges = False
    pictures = open_source(f"{server.url}/set/train-{{0..2}}.tar").splits["train"]
    assert [pictures.read(i) for i in (0, 30, 59)] == [content(0, 0), content(1, 10), content(2, 19)]
    kept = sorted(path.stat().st_size for path in (cache_folder() / "remote").iterdir())
    assert kept == sorted(len(server.files[f"/set/train-{i}.tar"]) for i in range(3))


def test_a_disk_too_small_for_a_shard_fetched_whole_is_a_storage_error(
    server: Server, small_disk: MakeDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.ranges = False
    disk = small_disk("64k")
    monkeypatch.setenv("STRIATE_CACHE", str(disk))
    server.files["/0.tar"] = packed(0, count=100)
    with pytest.raises(StorageError) as caught:
        open_source(f"{server.url}/0.tar")
    assert str(caught.value) == (
        f"{disk}: cannot be written (No space left on device), and {server.url}/0.tar must be fetched whole, since its "
        "server gives no parts of it. Free some space, or put the cache elsewhere: STRIATE_CACHE=FOLDER"
    )
    assert not list((disk / "remote").iterdir())


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            "gopher://x/0.tar",
            "Unknown kind of address 'gopher://'. "
            "Known: az://, gs://, hf://, http://, https://, memory://, s3://.",
        ),
        ("htps://x/0.tar", "Unknown kind of address 'htps://'. Did you mean 'https://'?"),
        (
            "https://x/a.zip::https://x/0.tar",
            "https://x/a.zip::https://x/0.tar: a chain of addresses. Give the address of the shards alone.",
        ),
        (
            "s3://bucket/0.tar",
            "s3:// addresses cannot be read: a package is not installed. Install it: pip install 's3fs'",
        ),
    ],
)
def test_addresses_of_other_kinds_are_refused(place: str, said: str) -> None:
    assert refusal(place, UsageError) == said


def test_a_folder_that_no_server_lists_asks_for_a_pattern(server: Server) -> None:
    assert refusal(f"{server.url}/set/") == (
        f"{server.url}/set/: no .tar is listed there. "
        f"Give a pattern of the shards: {server.url}/set/{{000000..000009}}.tar"
    )


def test_compressed_shards_elsewhere_are_refused(server: Server) -> None:
    server.files["/0.tar"] = b"\x1f\x8b" + bytes(1000)
    assert refusal(f"{server.url}/0.tar") == (
        f"{server.url}/0.tar: compressed, so that no picture in it can be read by itself. Decompress the shards "
        "once, as by gunzip; pictures do not grow by that."
    )


# --- a run


def test_a_run_on_shards_elsewhere_keeps_their_address(
    striate: Striate, photos: Path, flags: tuple[str, ...], tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for i, file in enumerate(sorted(photos.rglob("*.png"))):
            for ending, data in (("png", file.read_bytes()), ("txt", file.parent.name.encode())):
                info = tarfile.TarInfo(f"{i:04d}.{ending}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    with Server({"/flowers/0.tar": buffer.getvalue()}) as server:
        place = f"{server.url}/flowers/0.tar?key=1"
        assert striate("train", place, *flags).code == 0
        (folder,) = (tmp_path / "runs").iterdir()
        assert folder.name.endswith("-spec-0")
        run = open_run(folder)
        assert run.recipe.data == run.manifest.root == place
        assert striate("eval", folder).code == 0
    answer = striate("eval", folder)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"striate: {place}: cannot be fetched (Connect call failed ('127.0.0.1', ")
