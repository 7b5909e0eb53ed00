import io
import json
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sets import colour, decoded, draw, refusal, told

from striate.errors import UsageError
from striate.sources.opening import open_source
from striate.sources.parquet.arrow import Groups, ParquetPictures

NAMES = ["고양이", "개", "가지"]
CLASS = {"names": NAMES, "_type": "ClassLabel"}
IMAGE = {"_type": "Image"}


def picture(number: int) -> dict[str, Any]:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), colour(number)).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": f"{number}.png"}


def write(path: Path, columns: dict[str, Any], *, features: Any = None, group: int = 2) -> Path:
    """Write a file as Hugging Face's datasets do."""
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group)
    return path


def labelled(numbers: range, labels: Any, name: str = "image") -> dict[str, Any]:
    return {name: [picture(n) for n in numbers], "label": labels}


# --- embedded pictures


def test_labels_and_pixels_are_those_that_were_written(tmp_path: Path) -> None:
    features = {"image": IMAGE, "label": CLASS}
    for shard, labels in enumerate([[0, 1, 2], [1, 0, 2, 1, 1]]):
        numbers = range(3 * shard, 3 * shard + len(labels))
        path = tmp_path / "data" / f"train-0000{shard}-of-00002.parquet"
        write(path, labelled(numbers, labels), features=features)
    write(
        tmp_path / "data" / "validation-00000-of-00001.parquet", labelled(range(8, 9), [2]), features=features
    )
    write(tmp_path / "data" / "extra.parquet", labelled(range(9, 10), [2]), features=features)
    source = open_source(tmp_path)
    assert (source.format, source.evidence) == ("Parquet", "it holds data/extra.parquet")
    assert (source.classes, source.notes) == (
        tuple(NAMES),
        ["left out as neither train, val nor test: data/extra.parquet"],
    )
    first, second = "data/train-00000-of-00002", "data/train-00001-of-00002"
    names = [*(f"{first}/{i}" for i in range(3)), *(f"{second}/{i}" for i in range(5))]
    words = [NAMES[label] for label in (0, 1, 2, 1, 0, 2, 1, 1)]
    expected = [(name, (word, colour(i))) for i, (name, word) in enumerate(zip(names, words, strict=True))]
    assert list(decoded(source, "train").items()) == expected
    assert decoded(source, "val") == {"data/validation-00000-of-00001/0": (NAMES[2], colour(8))}


def test_a_class_that_no_picture_has_keeps_its_place(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet", labelled(range(3), [0, 2, 2]), features={"image": IMAGE, "label": CLASS}
    )
    source = open_source(path)
    assert source.classes == tuple(NAMES)
    assert source.splits["all"].labels.tolist() == [0, 2, 2]


def test_each_file_reads_its_numbers_by_its_own_names(tmp_path: Path) -> None:
    names = [["개", "고양이"], ["고양이", "새", "개"], None, None]
    labels = [[0, 1], [0, 1, 2], ["개", "곰"], [1, -1, 0]]
    for shard, (each, column) in enumerate(zip(names, labels, strict=True)):
        features = {"image": IMAGE, "label": {"names": each, "_type": "ClassLabel"}} if each else None
        write(tmp_path / f"{shard}.parquet", labelled(range(len(column)), column), features=features)
    source = open_source(tmp_path)
    assert source.classes == ("개", "고양이", "새", "곰")
    assert {name: word for name, (word, _) in decoded(source).items()} == {
        **{"0/0": "개", "0/1": "고양이", "1/0": "고양이", "1/1": "새", "1/2": "개", "2/0": "개", "2/1": "곰"},
        **{"3/0": "고양이", "3/2": "개"},
    }
    assert source.notes == [
        "3.parquet has no class names for label, so those of another file are taken",
        "left out as without a label: 1 rows",
    ]


@pytest.mark.parametrize(("second", "shown"), [([0, 3], "row 1 has 3"), ([0.5, 1.0], "row 0 has 0.5")])
def test_labels_that_no_name_stands_for_are_refused(tmp_path: Path, second: list[Any], shown: str) -> None:
    for name, labels in (("a", [0, 1]), ("b", second)):
        path = tmp_path / f"{name}.parquet"
        write(path, labelled(range(2), labels), features={"image": IMAGE, "label": CLASS})
    assert refusal(tmp_path) == (
        f"{tmp_path}/b.parquet: {shown} in column label. Wanted: a number from 0 to 2, since there are 3 class names, "
        "or -1 for none."
    )


def test_texts_in_one_file_and_numbers_in_another_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", labelled(range(2), [0, 1]))
    write(tmp_path / "b.parquet", labelled(range(2), ["x", "y"]))
    assert refusal(tmp_path) == (
        f"{tmp_path}/b.parquet: column label holds texts, and numbers in a.parquet. Make them one kind."
    )


def test_pictures_as_lists_of_numbers_are_refused_in_few_words(tmp_path: Path) -> None:
    pixels = [[[i] * 28 for _ in range(28)] for i in range(4)]
    write(tmp_path / "a.parquet", {"image": pixels, "label": [0, 1, 0, 1]})
    assert refusal(tmp_path) == (
        f"{tmp_path}/a.parquet: column image holds list<element: list<element: int64>>. "
        "Wanted: the bytes of picture files, or their paths."
    )


def test_one_name_in_two_unicode_forms_and_with_spaces_is_one_class(tmp_path: Path) -> None:
    for shard, names in (("a", ["고양이", " 개"]), ("b", ["개", unicodedata.normalize("NFD", "고양이")])):
        features = {"image": IMAGE, "label": {"names": names, "_type": "ClassLabel"}}
        write(tmp_path / f"{shard}.parquet", labelled(range(2), [0, 1]), features=features)
    source = open_source(tmp_path)
    assert source.classes == ("고양이", "개")
    assert told(source) == {"a/0": "고양이", "a/1": "개", "b/0": "개", "b/1": "고양이"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["개", "새", " 개"], "'개' is the name of two classes of column label."),
        (["개", " "], "a class of column label has a blank name."),
    ],
)
def test_classes_that_their_names_do_not_tell_apart_are_refused(
    tmp_path: Path, names: list[str], said: str
) -> None:
    features = {"image": IMAGE, "label": {"names": names, "_type": "ClassLabel"}}
    path = write(tmp_path / "a.parquet", labelled(range(2), [0, 1]), features=features)
    assert refusal(path) == f"{path}: {said} Give each a name of its own."


def test_a_file_whose_labels_are_all_missing_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", labelled(range(2), ["a", "b"]))
    write(tmp_path / "test.parquet", labelled(range(2, 4), pa.nulls(2)))
    assert open_source(tmp_path).notes == [
        "left out as without a label: 2 rows, among them all of test",
        "there is only train: what is held out is taken from it",
    ]
    (tmp_path / "train.parquet").unlink()
    path = tmp_path / "test.parquet"
    assert refusal(path) == f"{path}: none of its 2 rows has a label in column label."


def test_a_file_without_the_pictures_of_the_first_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", labelled(range(2), ["a", "b"]))
    write(tmp_path / "test.parquet", labelled(range(2, 4), ["a", "b"], name="img"))
    assert refusal(tmp_path) == f"{tmp_path}/test.parquet: column image, which train.parquet has, is missing."


def test_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    features = {"image": IMAGE, "label": CLASS}
    source = open_source(
        write(tmp_path / "a.parquet", labelled(range(4), [0, -1, None, 2]), features=features)
    )
    assert decoded(source) == {"a/0": ("고양이", colour(0)), "a/3": ("가지", colour(3))}
    assert source.notes == ["left out as without a label: 2 rows"]


@pytest.mark.parametrize(
    "feature", [{"feature": CLASS, "_type": "Sequence"}, {"feature": CLASS, "_type": "List"}, [CLASS]]
)
def test_lists_of_class_numbers_are_several_labels(tmp_path: Path, feature: Any) -> None:
    columns = {"img": [picture(0), picture(1)], "labels": [[0, 2], []]}
    source = open_source(write(tmp_path / "a.parquet", columns, features={"img": IMAGE, "labels": feature}))
    assert (source.task, source.classes) == ("multi-label", tuple(NAMES))
    assert decoded(source) == {"a/0": ({"고양이", "가지"}, colour(0)), "a/1": (set(), colour(1))}


@pytest.mark.parametrize("name", ["label", "value", "target", "score"])
def test_floats_are_numbers_to_learn(tmp_path: Path, name: str) -> None:
    columns = {"image": [picture(0), picture(1)], name: [1.0, 2.0]}
    source = open_source(write(tmp_path / "a.parquet", columns))
    assert (source.task, source.classes) == ("regression", (name,))
    assert decoded(source) == {"a/0": ({name: 1.0}, colour(0)), "a/1": ({name: 2.0}, colour(1))}


def test_columns_are_understood_without_words_on_them(tmp_path: Path) -> None:
    columns = {
        "image": [picture(i)["bytes"] for i in range(4)],
        "label": ["나", "가", "나", "가"],
        "split": ["train", "train", "test", "test"],
    }
    source = open_source(write(tmp_path / "a.parquet", columns))
    assert decoded(source, "train") == {"a/0": ("나", colour(0)), "a/1": ("가", colour(1))}
    assert decoded(source, "test") == {"a/2": ("나", colour(2)), "a/3": ("가", colour(3))}


def test_of_several_columns_of_classes_the_first_is_taken(tmp_path: Path) -> None:
    columns = {"img": [picture(0), picture(1)], "fine_label": [0, 1], "coarse_label": [0, 0]}
    features = {"img": IMAGE, "fine_label": CLASS, "coarse_label": {"names": ["all"], "_type": "ClassLabel"}}
    source = open_source(write(tmp_path / "a.parquet", columns, features=features))
    assert told(source) == {"a/0": "고양이", "a/1": "개"}
    assert source.notes == ["columns not used: coarse_label"]


def test_the_folders_of_splits_are_understood(tmp_path: Path) -> None:
    write(tmp_path / "default" / "train" / "0000.parquet", labelled(range(2), ["a", "b"]))
    write(tmp_path / "default" / "test" / "0000.parquet", labelled(range(2, 4), ["b", "a"]))
    source = open_source(tmp_path)
    assert told(source, "train") == {"default/train/0000/0": "a", "default/train/0000/1": "b"}
    assert told(source, "test") == {"default/test/0000/0": "b", "default/test/0000/1": "a"}


# --- reading


def test_a_row_group_is_decoded_once_however_many_threads_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.parquet", labelled(range(40), [0, 1] * 20), group=10)
    pictures = open_source(path).splits["all"]
    assert isinstance(pictures, ParquetPictures)
    seen: list[tuple[int, int]] = []
    decode = Groups._decode
    monkeypatch.setattr(Groups, "_decode", lambda self, *group: seen.append(group) or decode(self, *group))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(pictures.read, range(40)))
    assert read == [picture(i)["bytes"] for i in range(40)]
    assert seen == [(0, 0), (0, 1), (0, 2), (0, 3)]
    chosen = pictures.subset(np.array([35, 2, 39]))
    assert [chosen.read(i) for i in range(3)] == [read[35], read[2], read[39]]
    assert seen == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert [chosen.name(i) for i in range(3)] == ["a/35", "a/2", "a/39"]
    assert len({chosen.stamp(i) for i in range(3)}) == 3


def test_large_row_groups_are_let_go_but_for_the_last_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = open_source(write(tmp_path / "a.parquet", labelled(range(8), [0, 1] * 4))).splits["all"]
    assert isinstance(pictures, ParquetPictures)
    monkeypatch.setattr("striate.sources.parquet.arrow.HELD_BYTES", 0)
    assert [pictures.read(i) for i in (0, 7, 2, 0, 1)] == [picture(i)["bytes"] for i in (0, 7, 2, 0, 1)]
    assert list(pictures.groups._held) == [1, 0]


def test_rows_without_a_picture_and_damaged_groups_are_errors_of_reading(tmp_path: Path) -> None:
    columns = labelled(range(4), ["a", "b", "a", "b"])
    columns["image"][1] = {"bytes": None, "path": "1.png"}
    path = write(tmp_path / "a.parquet", columns)
    pictures = open_source(path).splits["all"]
    with pytest.raises(OSError, match="the row holds no picture"):
        pictures.read(1)
    content = bytearray(path.read_bytes())
    start = content.find(b"\x89PNG")
    content[4:start] = b"\xff" * (start - 4)
    path.write_bytes(content)
    with pytest.raises(OSError, match="its row group cannot be decoded"):
        open_source(path).splits["all"].read(0)


# --- tables of files


def test_a_parquet_table_of_files_is_a_table(tmp_path: Path) -> None:
    draw(tmp_path, "가/1.png", "나/2.png")
    columns = {"file": ["가/1.png", "나/2.png"], "label": [1, 0]}
    source = open_source(write(tmp_path / "list.parquet", columns, features={"label": CLASS}))
    assert source.format == "Parquet table"
    assert decoded(source) == {"가/1.png": ("개", colour(0)), "나/2.png": ("고양이", colour(1))}


def test_a_parquet_table_may_name_its_files_by_numbers(tmp_path: Path) -> None:
    draw(tmp_path, "1.png", "2.png")
    source = open_source(write(tmp_path / "list.parquet", {"id": [1, 2], "label": ["a", "b"]}))
    assert decoded(source) == {"1.png": ("a", colour(0)), "2.png": ("b", colour(1))}


# --- refusals


def test_two_sets_in_one_folder_are_named(tmp_path: Path) -> None:
    for name in ("large", "small"):
        write(tmp_path / name / "train-0.parquet", labelled(range(2), ["a", "b"]))
    assert refusal(tmp_path) == (
        f"{tmp_path}: which of its folders of Parquet files is meant: large, small? Give the path of one."
    )


def test_columns_that_say_nothing_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"x": [1], "y2": [2]})
    assert refusal(path) == (
        f"{path}: no column for the picture, or none to learn. It has: x, y2. Wanted: columns such as image and label."
    )


def test_files_of_other_columns_are_named(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", labelled(range(2), ["a", "b"]))
    write(tmp_path / "test.parquet", {"image": [picture(2)], "other": [1]})
    assert refusal(tmp_path) == f"{tmp_path}/test.parquet: column label, which train.parquet has, is missing."


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"<html>not found</html>")
    assert refusal(path) == (
        f"{path}: cannot be read as Parquet (Parquet magic bytes not found in footer. Either the file is corrupted or "
        "this is not a parquet file.) Fetch the file anew."
    )


def test_one_class_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", labelled(range(2), ["a", "a"]))
    assert refusal(path) == f"{path}: only one class with pictures, 'a'; a classifier needs two or more."


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.parquet", labelled(range(2), ["a", "b"]))
    monkeypatch.delitem(sys.modules, "striate.sources.parquet.arrow")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError) as caught:
        open_source(path)
    assert str(caught.value) == (
        "Parquet files cannot be read: pyarrow is not installed. Install it: pip install 'striate[parquet]'"
    )


def test_class_folders_of_many_pictures_are_not_taken_for_parquet(tmp_path: Path) -> None:
    draw(tmp_path, *(f"{label}/{i}.png" for label in "ab" for i in range(40)))
    (tmp_path / "a" / "notes.parquet").touch()
    assert open_source(tmp_path).format == "class folders"
