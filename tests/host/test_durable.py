"""Files that are whole for any number of writers and readers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import striate
from striate.host.durable import write_file, writing

SRC = Path(striate.__file__).parents[1]
WRITER = """
import sys
from pathlib import Path
from striate.host.durable import write_file
path, letter = Path(sys.argv[1]), sys.argv[2]
for _ in range(300):
    write_file(path, letter.encode() * 20_000)
"""


def test_two_processes_that_write_one_file_leave_it_whole_at_every_moment(tmp_path: Path) -> None:
    path = tmp_path / "engines.json"
    write_file(path, b"a" * 20_000)
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), letter], env=environment)
        for letter in "ab"
    ]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        content = path.read_bytes()
        assert content in (b"a" * 20_000, b"b" * 20_000)
        reads += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert reads > 100
    assert os.listdir(tmp_path) == ["engines.json"]


def test_work_that_raises_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(b"old")

    def stop_halfway() -> None:
        with writing(path) as file:
            file.write(b"half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_halfway()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["data.json"]


def test_a_file_has_the_rights_that_the_umask_leaves(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
