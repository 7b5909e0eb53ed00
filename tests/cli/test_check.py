"""`striate check`: text of 80 columns, JSON, the page, the table and the exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from messy import make_messy, picture

import striate as library

Striate = Callable[..., Any]
SRC = Path(__file__).parents[2] / "src"

PLAIN = """\
plain: class folders (it is a folder of folders)
9 pictures (9), 2 classes

class    pictures
dog             4
고양이          5

height  80
width   100
aspect  1.25
files   PNG 9
colour  colour 9

verdict  ok: nothing to see to
"""

MESSY = """\
messy: class folders (it is a folder of folders)
70 pictures (train 53, test 17), 4 classes

class            train   test
Dog                  1      0
dog                 21      5
new folder (2)       0      0
고양이              31     12

height  9 to 100, median 80
width   12 to 100, median 100
aspect  0.8 to 1.333, median 1.25
files   PNG 65, JPEG 2, GIF 1
colour  colour 65, grey 2, palette 1; of these 1 with more than 8 bits

note  class 'new folder (2)' has no pictures to learn from

stop  pictures that cannot be read: 2 of 70
      train/dog/empty.jpg: the file is empty
      train/dog/page.png: not a picture of a known format

stop  exact copies under different labels: 2 pictures
      train/dog/conflict.png (dog) = train/고양이/2.png (고양이)

stop  pictures of test that also stand in another split: 1 (5.9%), so scores
      come out too good
      train/고양이/1.png = test/고양이/leak.png

look  near copies under different labels: 2 pictures
      train/dog/near conflict.jpg (dog) ~ train/고양이/5.png (고양이)

look  pictures of test with a near copy in another split (resized, saved anew,
      recoloured): 1 (5.9%)
      train/고양이/4.png ~ test/고양이/small.png

look  exact copies within a split: 1 more than needed
      train/고양이/3.png = train/고양이/copy of 3.png

look  classes with no picture to learn from: 1 (new folder (2))

look  classes with one picture only: 1 (Dog )

look  the largest class (고양이) has 31 times the pictures of the smallest (Dog
      )

look  class names that differ only in case, spaces or Unicode form: 'Dog ' and
      'dog'

look  class names that folders get by themselves: new folder (2)

look  pictures far smaller than the others, under 20 pixels: 1
      train/dog/tiny.png

look  pictures that show nothing but one even colour: 1
      train/dog/white.png

note  classes without test pictures, so not scored: 1 (Dog )

note  files that are not what their names end in, read as what they are: 1
      train/dog/png.jpg

note  animations, of which the first frame is taken: 1
      train/dog/moving.gif

note  pictures turned upright by their EXIF orientation: 1
      train/dog/turned.jpg

note  grey pictures among coloured ones: 2 of 68
      train/dog/deep.png
      train/dog/grey.png

verdict  stop: mend it first, or the result means little
mend it with
  striate check messy --write-manifest clean.csv
  striate train clean.csv --sampling balanced
"""


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    for name, count in (("고양이", 5), ("dog", 4)):
        (tmp_path / "plain" / name).mkdir(parents=True)
        for i in range(count):
            picture(10 * count + i).save(tmp_path / "plain" / name / f"{i}.png")
    return tmp_path / "plain"


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    return make_messy(tmp_path / "messy")


def test_a_plain_set_is_ok_with_exit_code_0(striate: Striate, plain: Path) -> None:
    assert striate("check", "plain") == (0, PLAIN, "")


def test_a_messy_set_is_told_in_80_columns_with_exit_code_2(striate: Striate, messy: Path) -> None:
    assert striate("check", "messy") == (2, MESSY, "")


def test_json_is_all_of_standard_output(striate: Striate, messy: Path) -> None:
    answer = striate("check", "messy", "--json", "--write-manifest", "clean.csv", "--html", "page.html")
    assert answer.code == 2
    assert json.loads(answer.out) == library.check("messy").audit.as_json()
    assert answer.err == (
        "manifest  clean.csv: 64 pictures; left out 2 that cannot be read, 2 exact copies, 2 under different labels\n"
        "page      page.html\n"
    )


def test_the_table_it_writes_can_be_checked(striate: Striate, messy: Path) -> None:
    assert striate("check", "messy", "--write-manifest", "clean.csv").out.splitlines()[-1] == (
        "manifest  clean.csv: 64 pictures; left out 2 that cannot be read, 2 exact copies, 2 under different labels"
    )
    answer = striate("check", "clean.csv")
    assert answer.code == 0
    assert answer.out.splitlines()[1] == "64 pictures (train 47, test 17), 3 classes"


def test_the_second_time_nothing_is_decoded(
    striate: Striate, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    striate("check", "plain")
    (ledger,) = (tmp_path / "cache" / "ledgers").iterdir()
    for file in plain.rglob("*.png"):
        # Other bytes of the same length and time cannot be told apart, and so show that the files are not read.
        stat = file.stat()
        file.write_bytes(bytes(stat.st_size))
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert striate("check", "plain") == (0, PLAIN, "")
    ledger.write_bytes(b"")
    assert striate("check", "plain").code == 2


def test_a_cache_that_cannot_be_written_is_said_and_nothing_else(
    striate: Striate, plain: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    answer = striate("check", "plain")
    assert (answer.code, answer.out) == (0, PLAIN)
    assert answer.err.startswith(f"note: {tmp_path / 'cache' / 'ledgers'}/")
    assert answer.err.endswith(".npz cannot be written (Not a directory), so the next check starts anew\n")


def test_what_is_no_data_set_is_one_line(striate: Striate) -> None:
    assert striate("check", "nothing") == (
        2, "", "striate: nothing: no such folder. Give a folder of class folders, or 'fashion'.\n",
    )  # fmt: skip


def test_where_a_page_or_a_table_cannot_be_written_is_told_before_anything_is_read(striate: Striate) -> None:
    for flag, value, message in (
        ("--html", "no/such.html", "no/such.html cannot be written: there is no folder no."),
        ("--write-manifest", "clean.txt", "clean.txt ends in none of these: .csv, .tsv, .jsonl."),
    ):
        answer = striate("check", "nowhere", flag, value)
        assert (answer.code, answer.err) == (1, f"striate: Invalid value for '{flag}': {message}\n")


def test_an_unknown_preset_is_refused_before_anything_is_written(
    striate: Striate, plain: Path, tmp_path: Path
) -> None:
    answer = striate("check", "plain", "--augment", "photo")
    assert (answer.code, answer.err) == (1, "striate: Unknown --augment 'photo'. Did you mean 'photos'?\n")
    assert not (tmp_path / "check.html").exists()


def test_pictures_that_are_no_files_cannot_be_listed(striate: Striate) -> None:
    answer = striate("check", "fashion", "--write-manifest", "clean.csv")
    assert (answer.code, answer.err) == (
        2,
        "striate: fashion: its pictures stand inside other files, so no table can list them.\n",
    )


def test_checking_does_not_import_torch(plain: Path) -> None:
    program = (
        "import sys; from striate.cli.main import main; "
        "main(['check', 'plain']); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=plain.parent,
        env={**os.environ, "PYTHONPATH": str(SRC)},
        check=False,
    )
    assert done.returncode == 0
