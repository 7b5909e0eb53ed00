import fcntl
import os
from pathlib import Path

import pytest

from striate.data.store.eviction import limit_of, make_room
from striate.data.store.pack import INDEX, LOCK, ROWS, PackPath
from striate.errors import StorageError, UsageError

MEGABYTE = 10**6


@pytest.fixture
def packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four packs of a megabyte each, 'a' used longest ago, and a limit of five."""
    monkeypatch.setenv("STRIATE_CACHE_LIMIT", "5M")
    for age, name in enumerate("abcd"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / ROWS).write_bytes(os.urandom(MEGABYTE))
        (folder / LOCK).write_bytes(b"")
        (folder / INDEX).write_bytes(b"")
        os.utime(folder / INDEX, ns=(age, age))
    return tmp_path


def kept(packs: Path) -> str:
    return "".join(sorted(path.name for path in packs.iterdir()))


def place(packs: Path, name: str = "new") -> PackPath:
    return PackPath(packs / name, (1, 1, 1), "uint8")


def test_nothing_goes_while_there_is_room(packs: Path) -> None:
    make_room(place(packs), MEGABYTE // 2)
    assert kept(packs) == "abcd"


def test_the_packs_used_longest_ago_go_first(packs: Path) -> None:
    make_room(place(packs), 2 * MEGABYTE + MEGABYTE // 2)
    assert kept(packs) == "cd"


def test_a_pack_makes_no_room_for_itself_at_its_own_cost(packs: Path) -> None:
    make_room(place(packs, "a"), MEGABYTE + MEGABYTE // 2)
    assert kept(packs) == "acd"


def test_a_pack_that_is_being_written_stays(packs: Path) -> None:
    with (packs / "a" / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_room(place(packs), MEGABYTE + MEGABYTE // 2)
    assert kept(packs) == "acd"


def test_what_a_pack_holds_already_counts_in_what_is_told(packs: Path) -> None:
    with pytest.raises(StorageError) as caught:
        make_room(place(packs, "a"), 4 * MEGABYTE + MEGABYTE // 2)
    assert str(caught.value) == (
        "the decoded pictures take 5.5 MB, more than the 5.0 MB of STRIATE_CACHE_LIMIT"
    )


def test_what_is_larger_than_the_limit_is_refused_and_costs_no_other_pack_its_place(packs: Path) -> None:
    with pytest.raises(StorageError) as caught:
        make_room(place(packs), 6 * MEGABYTE)
    assert str(caught.value) == (
        "the decoded pictures take 6.0 MB, more than the 5.0 MB of STRIATE_CACHE_LIMIT"
    )
    assert kept(packs) == "abcd"


def test_the_disk_is_never_filled(packs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE_LIMIT", "9999T")
    with pytest.raises(StorageError) as caught:
        make_room(place(packs), 10**15)
    assert str(caught.value).startswith(f"the decoded pictures take 1000.0 TB, and the disk of {packs} has ")
    assert kept(packs) == "abcd"


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("50G", 50 * 10**9), ("1.5 TB", 1500 * 10**9), ("7kb", 7000)]
)
def test_a_limit_is_a_number_with_a_unit(text: str, size: int) -> None:
    assert limit_of(text) == size


@pytest.mark.parametrize("text", ["lots", "-1G", "5X", ""])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        limit_of(text)
    assert str(caught.value) == f"STRIATE_CACHE_LIMIT is '{text}'; wanted a size, such as 50G."
