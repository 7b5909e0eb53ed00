from pathlib import Path

import pytest

from striate.errors import UsageError
from striate.sources.place import absolute, expand, is_pattern, is_remote, is_there, short_name


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("a-{0..2}.tar", ["a-0.tar", "a-1.tar", "a-2.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("a-{8..11}.tar", ["a-8.tar", "a-9.tar", "a-10.tar", "a-11.tar"]),
        ("a-{2..0}.tar", ["a-2.tar", "a-1.tar", "a-0.tar"]),
        ("{train,val}-{0..1}.tar", ["train-0.tar", "train-1.tar", "val-0.tar", "val-1.tar"]),
        ("{a}{}.tar", ["{a}{}.tar"]),
        ("꽃/{장미,튤립}.tar", ["꽃/장미.tar", "꽃/튤립.tar"]),
    ],
)
def test_a_pattern_stands_for_what_a_shell_makes_of_it(pattern: str, names: list[str]) -> None:
    assert expand(pattern) == names
    assert is_pattern(pattern) == (len(names) > 1)


def test_a_pattern_of_too_many_names_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        expand("x-{0..99}-{0..99999999999}.tar")
    assert str(caught.value) == (
        "x-{0..99}-{0..99999999999}.tar: stands for 10,000,000,000,000 files. "
        "Give a pattern of at most 1,000,000."
    )


@pytest.mark.parametrize(
    ("place", "remote"),
    [
        ("https://example.org/a.tar", True),
        ("s3://bucket/a.tar", True),
        ("memory://a.tar", True),
        ("data/a.tar", False),
        ("C:/data", False),
        ("/data//a", False),
        (Path("data"), False),
    ],
)
def test_an_address_begins_with_a_scheme(place: str | Path, remote: bool) -> None:
    assert is_remote(place) == remote


def test_a_place_is_good_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("a-{0..9}.tar") == str(tmp_path / "a-{0..9}.tar")
    assert absolute("https://example.org//a.tar") == "https://example.org//a.tar"
    assert not is_there(absolute("a-{0..9}.tar"))
    (tmp_path / "a-3.tar").touch()
    assert is_there(absolute("a-{0..9}.tar"))
    assert is_there("https://example.org/a.tar")


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("fashion", "fashion"),
        ("/data/내 사진", "내 사진"),
        ("/data/v1.zip", "v1.zip"),  # a folder: there is no such file
        ("/data/train-{000000..000009}.tar", "train"),
        ("/data/flowers/{000000..000009}.tar", "flowers"),
        ("https://example.org/꽃/flowers-{0..9}.tar?token=a/b&c", "flowers"),
        ("s3://bucket/flowers/", "flowers"),
        ("s3://bucket", "bucket"),
        ("https://example.org:8000/{0..9}.tar", "example.org-8000"),
        ("https://x/../..", "x"),
    ],
)
def test_a_data_set_has_a_short_name_fit_for_a_folder(place: str, name: str) -> None:
    assert short_name(place) == name


def test_an_archive_is_called_without_its_ending(tmp_path: Path) -> None:
    for ending in (".zip", ".tar.gz", ".tgz", ".TAR"):
        (tmp_path / f"꽃{ending}").touch()
        assert short_name(str(tmp_path / f"꽃{ending}")) == "꽃"
