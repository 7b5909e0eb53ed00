"""The table of good pictures: what is left out, what is kept, and that it can be read again."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from messy import gathered, make_messy, picture

from striate.data.audit import audit_gathered
from striate.data.clean import Cleaned, can_be_listed, write_clean
from striate.data.source import open_source
from striate.errors import DataError, UsageError


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_wrong_beyond_doubt_is_left_out(tmp_path: Path) -> None:
    data = gathered(make_messy(tmp_path / "messy"))
    path = tmp_path / "clean.csv"
    assert write_clean(data, path) == Cleaned(path, kept=64, unreadable=2, copies=2, conflicts=2)
    kept = {row["file"] for row in rows_of(path)}
    everything = {f"messy/{data.name(i)}" for i in range(len(data))}
    assert everything - kept == {
        "messy/train/dog/empty.jpg",
        "messy/train/dog/page.png",
        "messy/train/dog/conflict.png",
        "messy/train/고양이/2.png",
        "messy/train/고양이/1.png",  # the copy in test is kept
        "messy/train/고양이/copy of 3.png"
        if "messy/train/고양이/3.png" in kept
        else "messy/train/고양이/3.png",
    }
    assert rows_of(path)[0] == {"file": "messy/train/Dog /0.png", "class": "Dog ", "split": "train"}


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_the_table_is_a_data_set_without_those_faults(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"clean.{ending}"
    write_clean(gathered(make_messy(tmp_path / "messy")), path)
    found = audit_gathered(gathered(path))
    assert {f.code for f in found.findings}.isdisjoint({"unreadable", "conflicts", "across", "copies"})
    assert found.pictures == {"train": 47, "test": 17}


def test_a_flat_folder_has_no_column_for_splits(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        picture(ord(name)).save(tmp_path / "set" / name / "1.png")
    write_clean(gathered(tmp_path / "set"), tmp_path / "set" / "clean.jsonl")
    lines = (tmp_path / "set" / "clean.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"file": "a/1.png", "class": "a"},
        {"file": "b/1.png", "class": "b"},
    ]


def test_files_beside_the_table_are_named_from_the_root(tmp_path: Path) -> None:
    root = make_messy(tmp_path / "data" / "messy")
    (tmp_path / "elsewhere").mkdir()
    write_clean(gathered(root), tmp_path / "elsewhere" / "clean.csv")
    assert rows_of(tmp_path / "elsewhere" / "clean.csv")[0]["file"] == str(root / "train" / "Dog " / "0.png")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("header", "labels"),
    [("labels", ["red|round", "red", "blue", "round|blue"]), ("value", ["1.5", "-2", "3.25", "1e-05"])],
)
def test_labels_and_numbers_come_back_as_they_were(
    tmp_path: Path, header: str, labels: list[str], ending: str
) -> None:
    lines = [f"file,{header},split"]
    for i, (label, split) in enumerate(zip(labels, ("train", "train", "val", "test"), strict=True)):
        picture(i).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{label},{split}")
    (tmp_path / "set.csv").write_text("\n".join(lines))
    write_clean(gathered(tmp_path / "set.csv"), tmp_path / f"clean.{ending}")
    before, after = open_source(tmp_path / "set.csv"), open_source(tmp_path / f"clean.{ending}")
    assert (after.task, len(after.classes)) == (before.task, len(before.classes))
    for split in ("train", "val", "test"):
        assert np.array_equal(after.splits[split].labels, before.splits[split].labels)


def test_pixels_archives_and_other_endings_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UsageError) as ending:
        write_clean(gathered(make_messy(tmp_path / "messy")), tmp_path / "clean.txt")
    assert str(ending.value) == f"{tmp_path / 'clean.txt'}: a manifest ends in .csv, .tsv or .jsonl."
    shutil.make_archive(str(tmp_path / "messy"), "zip", tmp_path / "messy")
    assert not can_be_listed(open_source(tmp_path / "messy.zip"))
    np.savez(tmp_path / "set.npz", x_train=np.zeros((2, 9, 9), np.uint8), y_train=np.array([0, 1]))
    with pytest.raises(DataError) as pixels:
        write_clean(gathered(tmp_path / "set.npz"), tmp_path / "clean.csv")
    assert str(pixels.value) == (
        f"{tmp_path / 'set.npz'}: its pictures stand inside other files, so no table can list them. "
        "Unpack an archive first."
    )


def test_of_copies_in_val_and_test_the_one_in_test_stays(tmp_path: Path) -> None:
    for i, split in enumerate(("train", "val", "test")):
        for name in ("a", "b"):
            (tmp_path / "set" / split / name).mkdir(parents=True)
            picture(10 * i + ord(name)).save(tmp_path / "set" / split / name / "own.png")
    shutil.copy(tmp_path / "set" / "val" / "a" / "own.png", tmp_path / "set" / "test" / "a" / "leak.png")
    write_clean(gathered(tmp_path / "set"), tmp_path / "clean.csv")
    kept = {row["file"] for row in rows_of(tmp_path / "clean.csv")}
    assert "set/test/a/leak.png" in kept
    assert "set/val/a/own.png" not in kept
