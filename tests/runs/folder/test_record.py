import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from striate.errors import DataError, StorageError
from striate.runs.folder.record import Record, read_record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A metrics file of three lines."""
    path = tmp_path / "run" / "metrics.jsonl"
    path.parent.mkdir()
    with Record(path) as record:
        for step in range(3):
            record.write("step", {"step": step, "loss": step / 3})
    return path


def test_lines_are_there_as_soon_as_they_are_written(tmp_path: Path) -> None:
    with Record(tmp_path / "metrics.jsonl") as record:
        record.write("step", {"step": 1, "loss": 0.5})
        assert (tmp_path / "metrics.jsonl").read_bytes() == b'{"kind": "step", "step": 1, "loss": 0.5}\n'


def test_numbers_come_back_bit_for_bit(path: Path) -> None:
    assert read_record(path) == [{"kind": "step", "step": step, "loss": step / 3} for step in range(3)]


def test_a_line_cut_short_by_a_crash_is_left_out(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    assert [line["step"] for line in read_record(path)] == [0, 1]


def test_no_file_yet_means_no_lines(tmp_path: Path) -> None:
    assert read_record(tmp_path / "metrics.jsonl") == []


def test_a_broken_line_in_the_middle_is_refused(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"half\n" + lines[2])
    with pytest.raises(DataError) as raised:
        read_record(path)
    assert str(raised.value) == (
        f"{path}: a line is not JSON (Expecting value: line 1 column 1 (char 0)). Restore it from a copy."
    )


def test_a_resumed_record_goes_on_where_its_checkpoint_was(path: Path) -> None:
    length = len(path.read_bytes().splitlines(keepends=True)[0])
    with Record(path, length=length) as record:
        assert record.length == length
        record.write("step", {"step": 7})
    assert [line["step"] for line in read_record(path)] == [0, 7]


def test_a_file_shorter_than_its_checkpoint_says_is_not_filled_with_zeros(path: Path) -> None:
    with Record(path, length=10_000) as record:
        record.write("step", {"step": 7})
    assert [line["step"] for line in read_record(path)] == [0, 1, 2, 7]


def test_a_number_that_is_not_finite_is_a_mistake_of_ours(path: Path) -> None:
    with Record(path) as record, pytest.raises(ValueError, match="Out of range float values"):
        record.write("step", {"loss": float("nan")})


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_with_the_way_on(tmp_path: Path) -> None:
    full = tmp_path / "metrics.jsonl"
    full.touch()
    with Record(full) as record, largest_file(50):
        record.write("step", {"step": 1})
        with pytest.raises(StorageError) as raised:
            record.write("step", {"step": 2})
    assert str(raised.value) == (
        f"{full}: cannot be written (No space left on device). Free some space, then go on with: "
        f"striate resume {tmp_path}"
    )
    assert [line["step"] for line in read_record(full)] == [1]
