"""The table of good pictures: what is left out, what is kept, and that it can be read again."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from messy import gathered, make_messy, picture

from striate.data.audit.audit import audit_gathered
from striate.data.audit.clean import Cleaned, can_be_listed, write_clean
from striate.errors import DataError, UsageError
from striate.sources.opening import open_source


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
    [
        ("labels", ["red|round", "red", "blue", "round|blue"]),
        ("labels", ['"[""a|b"", ""c""]"', '"[""c""]"', '"[""a|b""]"', "[]"]),
        ("labels", ['"[""red""]"', '"[""blue""]"', '"[""blue""]"', "[]"]),
        ("value", ["1.5", "-2", "3.25", "1e-05"]),
    ],
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
    assert after.task == before.task
    assert [name.removeprefix("value:") for name in after.classes] == list(before.classes)
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
    with pytest.raises(DataError) as archive:
        write_clean(gathered(tmp_path / "messy.zip"), tmp_path / "clean.csv")
    assert str(archive.value) == (
        f"{tmp_path / 'messy.zip'}: its pictures stand inside other files, so no table can list them. "
        "Unpack the archive first."
    )
    np.savez(tmp_path / "set.npz", x_train=np.zeros((2, 9, 9), np.uint8), y_train=np.array([0, 1]))
    with pytest.raises(DataError) as pixels:
        write_clean(gathered(tmp_path / "set.npz"), tmp_path / "clean.csv")
    assert str(pixels.value) == (
        f"{tmp_path / 'set.npz'}: its pictures stand inside other files, so no table can list them."
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


def test_a_manifest_is_replaced_by_a_newer_one_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        picture(ord(name)).save(tmp_path / "set" / name / "1.png")
    data, path = gathered(tmp_path / "set"), tmp_path / "clean.csv"
    write_clean(data, path)
    written = path.read_bytes()
    path.write_bytes(written.partition(b"b.png")[0])
    write_clean(data, path)
    assert path.read_bytes() == written
    for content in ("file,class,patient\nset/a/1.png,a,7\n", "", "notes"):
        path.write_text(content)
        with pytest.raises(UsageError) as error:
            write_clean(data, path)
        assert str(error.value) == (
            f"{path}: is there already, and is no manifest of this data. Give another name."
        )
        assert path.read_text() == content


@pytest.mark.parametrize("name", ["set.csv", "labels.csv", "other.tsv"])
def test_a_table_the_data_is_read_from_is_never_replaced(tmp_path: Path, name: str) -> None:
    for i in range(4):
        picture(i).save(tmp_path / f"{i}.png")
    rows = "file,class\n" + "".join(f"{i}.png,{text}\n" for i, text in enumerate("aabb"))
    (tmp_path / name).write_text(rows.replace(",", "\t") if name.endswith("tsv") else rows)
    root = tmp_path / name if name == "set.csv" else tmp_path
    with pytest.raises(UsageError) as error:
        write_clean(gathered(root), tmp_path / name)
    assert str(error.value) == f"{tmp_path / name}: the data is read from it. Give the manifest another name."
    assert (tmp_path / name).read_text().count("\n") == 5


def test_a_set_with_nothing_left_gets_no_manifest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        picture(1).save(tmp_path / "set" / name / "1.png")
    data = gathered(tmp_path / "set")
    assert audit_gathered(data).commands == ()
    with pytest.raises(DataError) as error:
        write_clean(data, tmp_path / "clean.csv")
    assert str(error.value) == (
        f"{tmp_path / 'set'}: no picture is left for a manifest: 0 cannot be read, "
        "2 are exact copies under different labels. Mend the labels first."
    )
    assert not (tmp_path / "clean.csv").exists()


def test_classes_that_a_table_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    for i, name in enumerate(("cat", " cat", "dog")):
        (tmp_path / "set" / name).mkdir(parents=True)
        picture(i).save(tmp_path / "set" / name / "1.png")
    with pytest.raises(DataError) as error:
        write_clean(gathered(tmp_path / "set"), tmp_path / "clean.csv")
    assert str(error.value) == (
        f"{tmp_path / 'set'}: a table cannot tell the classes ' cat', 'cat' apart: spaces around a name and .0 "
        "behind a number do not count there. Rename them."
    )


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_odd_names_come_back(tmp_path: Path, ending: str) -> None:
    names = [
        " 1.png",
        "a\rb.png",
        "a\nb.png",
        'a"b.png',
        "a\tb.png",
        "a,b.png",
        "한 글.png",
        "a\\b.png",
        "-c.png",
    ]
    for name in ("a", "b\r", "c\nd"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i, file in enumerate(names):
            picture(i + 100 * ord(name[0])).save(tmp_path / "set" / name / file)
    data, path = gathered(tmp_path / "set"), tmp_path / "set" / f"clean.{ending}"
    write_clean(data, path)
    again = gathered(path)
    assert len(again) == len(data) == 3 * len(names)
    assert {again.name(i) for i in range(len(again))} == {data.name(i) for i in range(len(data))}
    assert np.array_equal(again.class_counts("all"), data.class_counts("all"))


def test_a_file_name_that_begins_with_a_space_comes_back(tmp_path: Path) -> None:
    for i in range(4):
        picture(i).save(tmp_path / f" {i}.png")
    rows = [{"file": f"./ {i}.png", "class": "ab"[i % 2]} for i in range(4)]
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_clean(gathered(tmp_path / "set.jsonl"), tmp_path / "clean.csv")
    assert [row["file"] for row in rows_of(tmp_path / "clean.csv")] == [f"./ {i}.png" for i in range(4)]
    assert gathered(tmp_path / "clean.csv").readable.tolist() == [0, 1, 2, 3]
