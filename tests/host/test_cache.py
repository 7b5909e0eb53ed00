from pathlib import Path

import pytest

from striate.host.cache import cache_folder


@pytest.mark.parametrize(
    ("own", "shared", "folder"),
    [
        ("/fast/striate", "/caches", "/fast/striate"),
        ("~/fast", "/caches", "/home/kim/fast"),
        (None, "/caches", "/caches/striate"),
        ("", "/caches", "/caches/striate"),
        (None, None, "/home/kim/.cache/striate"),
        (None, "", "/home/kim/.cache/striate"),
        (None, "relative", "/home/kim/.cache/striate"),
    ],
)
def test_the_cache_stands_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, own: str | None, shared: str | None, folder: str
) -> None:
    monkeypatch.setenv("HOME", "/home/kim")
    for name, value in (("STRIATE_CACHE", own), ("XDG_CACHE_HOME", shared)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)


def test_a_relative_folder_of_our_own_is_one_below_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIATE_CACHE", "cache")
    assert cache_folder() == tmp_path / "cache"
