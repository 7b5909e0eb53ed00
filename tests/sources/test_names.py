from pathlib import Path

import numpy as np

from striate.sources.folders.files import file_pictures
from striate.sources.names import Names


def test_names_come_back_as_they_were_whatever_their_script_or_bytes() -> None:
    given = ["a.png", "", "고양이/1.jpg", "re\u0301sume\u0301.jpg", "caf\udce9.png", "🙂"]
    names = Names(given)
    assert list(names) == given
    assert names[-1] == "🙂"
    assert list(names[1:3]) == given[1:3]


def test_taken_names_share_the_bytes_and_keep_the_order_asked_for() -> None:
    names = Names(["a", "bb", "ccc"])
    assert list(names.take(np.array([2, 0]))) == ["ccc", "a"]
    assert names.take(np.array([2, 0])) == Names(["ccc", "a"])
    assert names.take(np.array([2, 0])) != Names(["ccc", "b"])


def test_no_names_are_no_names() -> None:
    assert list(Names()) == []
    assert list(Names().take(np.array([], np.int64))) == []


def test_a_hundred_thousand_files_cost_under_a_hundred_bytes_each() -> None:
    files = [f"class_{i % 1000:04}/picture_{i:08}.jpg" for i in range(100_000)]
    pictures = file_pictures(Path(), files, files, np.zeros(len(files), np.int64))
    assert pictures.names is pictures.files
    assert (pictures.files.nbytes + pictures.labels.nbytes) / len(files) < 100
