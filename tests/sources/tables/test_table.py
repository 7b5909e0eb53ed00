import csv
import io
import json
import os
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sets import colour, decoded, draw, refusal, told

from striate.sources.folders.files import FilePictures
from striate.sources.opening import open_source
from striate.sources.tables.table import read_table

NFD = unicodedata.normalize("NFD", "고양이")
FOUR = ("고양이/1.png", "고양이/2.png", "개/1.png", "개/2.png")


def table(root: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    """Write a table into a folder."""
    content = text.encode() if isinstance(text, str) else text
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content)
    return root / name


def listing(*rows: str) -> str:
    return "\n".join(rows) + "\n"


BOTH = listing("file,label", "고양이/1.png,고양이", "고양이/2.png,고양이", "개/1.png,개", "개/2.png,개")
EXPECTED = {"고양이/1.png": "고양이", "고양이/2.png": "고양이", "개/1.png": "개", "개/2.png": "개"}


# --- a whole one


NO_PICTURES = "left out as no pictures by their names: 1 (.csv 1)"
SAID_BY_FOLDERS = "the folders say the classes. Give its path to learn what it says"


def test_labels_and_pixels_are_those_that_were_written(tmp_path: Path) -> None:
    source = open_source(table(draw(tmp_path, *FOUR), BOTH))
    assert (source.format, source.task, source.classes) == ("table", "classification", ("개", "고양이"))
    assert (source.notes, source.evidence) == ([], "its name ends in .csv")
    assert decoded(source) == {name: (EXPECTED[name], colour(i)) for i, name in enumerate(FOUR)}


def test_a_folder_is_known_by_its_table_also_beside_class_folders(tmp_path: Path) -> None:
    table(draw(tmp_path, *FOUR), BOTH.replace("고양이/1.png,고양이", "고양이/1.png,개"))
    source = open_source(tmp_path)
    assert source.evidence == "labels.csv has the columns file, label"
    assert told(source) == {**EXPECTED, "고양이/1.png": "개"}


def test_a_table_of_another_name_does_not_stand_against_class_folders(tmp_path: Path) -> None:
    table(draw(tmp_path, *FOUR), BOTH, "predictions.csv")
    source = open_source(tmp_path)
    assert source.format == "class folders"
    assert source.notes == [
        NO_PICTURES,
        "predictions.csv is not used: the folders say the classes. Give its path to learn what it says",
    ]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("labels.csv", "id,name\n0,고양이\n1,개\n", SAID_BY_FOLDERS),
        ("labels.csv", "id,label\n0,고양이\n1,개\n", SAID_BY_FOLDERS),
        ("metadata.csv", "file_name,age\n고양이/1.png,3\n개/1.png,4\n", SAID_BY_FOLDERS),
        ("train.csv", "file,age\n고양이/1.png,3\n개/1.png,4\n", SAID_BY_FOLDERS),
        (
            "labels.csv",
            "",
            "there is nothing in it. Wanted: a line such as file,label and a line for each picture.",
        ),
        ("labels.csv", "a,b\n1,2\n", "no column for the file, or none to learn. It has: a, b"),
    ],
)
def test_a_table_of_something_else_does_not_stand_against_class_folders(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    table(draw(tmp_path, *FOUR), text, name)
    source = open_source(tmp_path)
    assert (source.format, source.notes) == ("class folders", [NO_PICTURES, f"{name} is not used: {why}"])


def test_a_table_that_is_no_text_is_named_beside_class_folders(tmp_path: Path) -> None:
    draw(tmp_path, *FOUR)
    (tmp_path / "labels.csv").write_bytes(b"\xff,\x80\n")
    assert open_source(tmp_path).notes == [
        NO_PICTURES, "labels.csv is not used: not text in UTF-8, UTF-16 or cp949. Save it as UTF-8."
    ]  # fmt: skip


def test_where_the_folders_say_nothing_either_the_unused_table_is_named(tmp_path: Path) -> None:
    table(draw(tmp_path, "1.png", "2.png"), "a,b\n1,2\n")
    assert refusal(tmp_path) == (
        f"{tmp_path}: 2 pictures, but none in a class folder. Wanted: one folder a class, with JPEG or PNG files in "
        "each, or the same below train/, val/ and test/. (labels.csv is not used: no column for the file, or none to "
        "learn. It has: a, b)"
    )


def test_a_table_whose_pictures_are_spread_over_folders_says_more_than_these(tmp_path: Path) -> None:
    draw(tmp_path, "part_1/ISIC_1.jpg", "part_1/ISIC_2.jpg", "part_2/ISIC_3.jpg", "part_2/ISIC_4.jpg")
    text = listing("lesion_id,image_id,dx", "a,ISIC_1,nv", "b,ISIC_2,mel", "c,ISIC_3,nv", "d,ISIC_4,mel")
    path = table(tmp_path, text, "HAM10000_metadata.csv")
    expected = {
        **{"part_1/ISIC_1.jpg": "nv", "part_1/ISIC_2.jpg": "mel"},
        **{"part_2/ISIC_3.jpg": "nv", "part_2/ISIC_4.jpg": "mel"},
    }
    for root in (tmp_path, path):
        assert told(open_source(root)) == expected
        assert open_source(root).notes == []


@pytest.mark.parametrize(
    ("table_name", "folders", "chosen"),
    [
        ("labels.csv", ("train", "test"), "train"),
        ("trainLabels.csv", ("train", "test"), "train"),
        ("Train.csv", ("Train", "Test"), "Train"),
        ("train.csv", ("train_images", "test_images"), "train_images"),
        ("train.csv", ("images/train", "images/test"), "images/train"),
        ("labels.csv", ("images", "masks"), "images"),
        ("test_labels.csv", ("train", "test"), "test"),
    ],
)
def test_of_folders_with_the_same_names_the_one_the_table_means_is_taken(
    tmp_path: Path, table_name: str, folders: tuple[str, ...], chosen: str
) -> None:
    for folder in folders:
        draw(tmp_path / folder, "1.png", "2.png", "3.png", "4.png")
    path = table(tmp_path, listing("id,label", "1,a", "2,b", "3,a", "4,b"), table_name)
    other = next(folder for folder in folders if folder != chosen)
    source = open_source(path)
    assert told(source) == {f"{chosen}/{i}.png": "ab"[(i - 1) % 2] for i in range(1, 5)}
    assert source.notes == [
        f"{table_name} is taken to mean the files of {chosen}/, though {other}/ holds some of the same names"
    ]
    assert told(open_source(tmp_path)) == told(source)


@pytest.mark.parametrize(
    "written",
    [
        "/kaggle/input/pets/train/1.png",
        "C:\\Users\\me\\pets\\train\\1.png",
        "pets/train/1.png",
        "train/1.PNG",
        "Train/1.png",
    ],
)
def test_paths_of_another_machine_are_found_by_their_ends(tmp_path: Path, written: str) -> None:
    root = draw(tmp_path / "pets", "train/1.png", "train/2.png", "test/1.png", "test/2.png")
    path = table(root, listing("file,label", f"{written},a", f"{written.replace('1', '2')},b"))
    source = open_source(path)
    assert told(source) == {"train/1.png": "a", "train/2.png": "b"}
    plain = written.replace("\\", "/")
    led = f"paths that lead elsewhere are taken by their ends, such as {plain} for train/1.png"
    by_folder = [
        "split by the folders of the files: train",
        "there is only train: what is held out is taken from it",
    ]
    assert source.notes == ([led] if "pets" in written else by_folder)


def test_the_end_of_a_relative_path_is_no_file(tmp_path: Path) -> None:
    draw(tmp_path, "1.png", "b/2.png", "b/3.png")
    path = table(tmp_path, listing("file,label", "a/1.png,x", "b/2.png,x", "b/3.png,y"))
    assert open_source(path).notes == ["there is no file for: a/1.png"]


def test_of_several_columns_to_learn_the_others_are_named(tmp_path: Path) -> None:
    draw(tmp_path, "1.png", "2.png")
    path = table(tmp_path, listing("file,age,diagnosis,target", "1.png,30,a,0", "2.png,40,b,1"))
    assert open_source(path).notes == [
        "column diagnosis is learned, and not target: rename it to learn another"
    ]


def test_where_nothing_tells_which_folder_is_meant_both_files_are_named(tmp_path: Path) -> None:
    for folder in ("left", "right"):
        draw(tmp_path / folder, "1.png", "2.png")
    path = table(tmp_path, listing("file,label", "1.png,a", "2.png,b"))
    assert refusal(path) == (
        f"{path}: labels.csv line 2 may mean left/1.png or right/1.png. "
        "Write the folder into the paths, or move one of the two away."
    )


def test_a_table_of_columns_of_labels_is_taken_beside_the_folders_of_splits(tmp_path: Path) -> None:
    draw(tmp_path, "train/1.png", "train/2.png", "val/3.png")
    table(tmp_path, listing("image,a,b", "train/1.png,1,1", "train/2.png,0,1", "val/3.png,1,0"))
    assert told(open_source(tmp_path), "val") == {"val/3.png": {"a"}}


def test_a_table_of_any_name_is_taken_where_there_are_no_class_folders(tmp_path: Path) -> None:
    text = listing("file,label", "그림/1.png,a", "그림/2.png,b")
    table(draw(tmp_path, "그림/1.png", "그림/2.png"), text, "목록.csv")
    assert told(open_source(tmp_path)) == {"그림/1.png": "a", "그림/2.png": "b"}


def test_two_tables_that_may_be_meant_are_named(tmp_path: Path) -> None:
    table(draw(tmp_path, *FOUR), BOTH, "labels.csv")
    table(tmp_path, BOTH, "annotations.csv")
    assert refusal(tmp_path) == (
        f"{tmp_path}: which of its tables is meant: annotations.csv, labels.csv? Give the path of one."
    )


# --- how it is written


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-with-mark", "cp949"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_encodings_and_line_ends_are_told_by_themselves(
    tmp_path: Path, delimiter: str, encoding: str, end: str
) -> None:
    text = BOTH.replace(",", delimiter).replace("\n", end)
    content = (
        "\ufeff".encode("utf-16-be") + text.encode("utf-16-be")
        if "mark" in encoding
        else text.encode(encoding)
    )
    source = open_source(table(draw(tmp_path, *FOUR), content))
    assert told(source) == EXPECTED
    noted = ["labels.csv is no UTF-8 and was read as cp949 (Korean Windows)"]
    assert source.notes == (noted if encoding == "cp949" else [])


@settings(max_examples=200, deadline=None)
@given(
    cells=st.lists(st.text(st.characters(exclude_categories=("C",)), min_size=1), min_size=1),
    dialect=st.sampled_from([(",", "\n"), (";", "\r\n"), ("\t", "\n")]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_the_csv_module_writes_comes_back(
    cells: list[str], dialect: tuple[str, str], encoding: str
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=dialect[0], lineterminator=dialect[1], quoting=csv.QUOTE_ALL)
    writer.writerows([("file", "label"), *((f"{i}.png", cell) for i, cell in enumerate(cells))])
    with tempfile.TemporaryDirectory() as folder:
        path = table(Path(folder), written.getvalue().encode(encoding))
        read = read_table(path, only=("file", "label"))
    assert read.columns["label"] == [cell.strip() for cell in cells]
    assert read.columns["file"] == [f"{i}.png" for i in range(len(cells))]
    assert read.notes == ()


def test_quotes_blank_lines_blank_columns_and_spaces_are_understood(tmp_path: Path) -> None:
    text = '\n"file" , label,,\n\n"a, b.png", "x"" y" ,,\n,,,\nc.png,"z\nz",,\n'
    draw(tmp_path, "a, b.png", "c.png")
    rows = read_table(table(tmp_path, text.replace(', "', ',"').replace('" ,', '",')), only=("file", "label"))
    assert rows.columns == {"file": ["a, b.png", "c.png"], "label": ['x" y', "z\nz"]}
    assert list(rows.lines) == [4, 7]


def test_json_lines_are_a_table(tmp_path: Path) -> None:
    lines = [json.dumps({"file_name": name, "label": label}) for name, label in EXPECTED.items()]
    source = open_source(table(draw(tmp_path, *FOUR), "\n\n".join(lines), "labels.jsonl"))
    assert told(source) == EXPECTED


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "there is nothing in it. Wanted: a line such as file,label and a line for each picture."),
        (
            b"\n ,, \n",
            "there is nothing in it. Wanted: a line such as file,label and a line for each picture.",
        ),
        (b"file,label,label\n", "two columns are called 'label'. Give each a name of its own."),
        (
            b"file,label\n1.png,a,b\n",
            "line 2 has 3 cells, but there are 2 columns. Put quotes around a cell that holds ','.",
        ),
        (b'file,label\n"1.png,a\n', "line 2: unexpected end of data. Mend the line."),
        (b"file,label\n\x001.png,a\n", "labels.csv line 2 names no file."),
        (b"file,label\n\xff\xff,a\n", "not text in UTF-8, UTF-16 or cp949. Save it as UTF-8."),
        (
            b"1.png,cat\n2.png,dog\n",
            "no column for the file, or none to learn. It has: 1.png, cat. "
            "Wanted: a first line that names the columns, such as file,label.",
        ),
        (
            b"file,width\n1.png,3\n",
            "no column for the file, or none to learn. It has: file, width. "
            "Wanted: a first line that names the columns, such as file,label.",
        ),
        (b"file,label\n", "no pictures in it."),
        (b"file,label\n,a\n", "labels.csv line 2 names no file."),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = table(tmp_path, content)
    assert refusal(path) == f"{path}: {said}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", 'there is nothing in it. Wanted: an object such as {"file": ..., "label": ...} a line.'),
        (
            b'{"file": "1.png", "label": 1}\n{"file":\n',
            "line 2 is not JSON (Expecting value: line 2 column 1 (char 9)). Mend the line.",
        ),
        (b"[1]", 'line 1 is not a JSON object. Wanted: {"file": ..., "label": ...}.'),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = table(tmp_path, content, "labels.jsonl")
    assert refusal(path) == f"{path}: {said}"


def test_a_table_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, BOTH)
    if os.geteuid() == 0:
        pytest.skip("root may read anything")
    path.chmod(0)
    assert refusal(path) == f"{path}: cannot be read (Permission denied)."


# --- splits


def test_a_column_says_the_splits(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(6)]
    splits = ["Train", "training", "valid", "val", "testing", "test"]
    rows = [f"{n},{'ab'[i % 2]},{s}" for i, (n, s) in enumerate(zip(names, splits, strict=True))]
    source = open_source(table(draw(tmp_path, *names), listing("file,label,Split", *rows)))
    assert {split: told(source, split) for split in source.splits} == {
        "train": {"0.png": "a", "1.png": "b"},
        "val": {"2.png": "a", "3.png": "b"},
        "test": {"4.png": "a", "5.png": "b"},
    }


def test_a_split_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    text = listing("file,label,split", "0.png,a,train", "1.png,b,train", "2.png,b,rest")
    path = table(draw(tmp_path, "0.png", "1.png", "2.png"), text)
    assert refusal(path) == (
        f"{path}: 'rest' in column split, labels.csv line 4, is no split. "
        "Wanted: train, training, val, valid, validation, dev, test, testing."
    )


def test_folds_are_no_splits(tmp_path: Path) -> None:
    text = listing("file,label,fold", "0.png,a,0", "1.png,b,1")
    source = open_source(table(draw(tmp_path, "0.png", "1.png"), text))
    assert list(source.splits) == ["all"]
    assert source.notes == ["column fold is not used: it names no train, val or test, but 0, 1"]


def test_tables_of_splits_are_one_data_set_with_their_own_folders(tmp_path: Path) -> None:
    draw(tmp_path, "train/1.png", "train/2.png", "test/1.png", "val/2.png")
    table(tmp_path, listing("id,breed", "1,개", "2,고양이"), "train.csv")
    table(tmp_path, listing("id,breed", "1,고양이"), "test.csv")
    table(tmp_path, listing("id,breed", "2,개"), "validation.csv")
    table(tmp_path, listing("id,breed", "1,개"), "sample_submission.csv")
    source = open_source(tmp_path)
    assert source.evidence == "train.csv has the columns id, breed"
    assert decoded(source, "train") == {
        "train/1.png": ("개", colour(0)),
        "train/2.png": ("고양이", colour(1)),
    }
    assert decoded(source, "test") == {"test/1.png": ("고양이", colour(2))}
    assert decoded(source, "val") == {"val/2.png": ("개", colour(3))}


def test_a_table_of_a_split_without_labels_is_left_out(tmp_path: Path) -> None:
    draw(tmp_path, "1.png", "2.png", "3.png")
    table(tmp_path, listing("file,label,age", "1.png,a,1", "2.png,b,2"), "train.csv")
    table(tmp_path, listing("file,age", "3.png,3"), "test.csv")
    source = open_source(tmp_path)
    assert told(source) == {"1.png": "a", "2.png": "b"}
    assert source.notes == [
        "left out as without the columns of train.csv: test.csv",
        "there is only train: what is held out is taken from it",
    ]


def test_files_in_folders_of_splits_are_split_by_them(tmp_path: Path) -> None:
    names = ("train/1.png", "train/2.png", "test/1.png")
    text = listing("file,label", "train/1.png,a", "./train/2.png,b", "test\\1.png,a")
    source = open_source(table(draw(tmp_path, *names), text))
    assert told(source, "train") == {"train/1.png": "a", "train/2.png": "b"}
    assert told(source, "test") == {"test/1.png": "a"}
    assert source.notes == ["split by the folders of the files: test, train"]


def test_metadata_beside_the_pictures_of_each_split_is_read(tmp_path: Path) -> None:
    draw(tmp_path, "train/1.png", "train/나/2.png", "test/1.png")
    table(tmp_path, listing("file_name,label", "1.png,가", "나/2.png,나"), "train/metadata.csv")
    table(tmp_path, '{"file_name": "1.png", "label": "나"}', "test/metadata.jsonl")
    source = open_source(tmp_path)
    assert source.evidence == "train/metadata.csv has the columns file_name, label"
    assert decoded(source, "train") == {"train/1.png": ("가", colour(0)), "train/나/2.png": ("나", colour(1))}
    assert decoded(source, "test") == {"test/1.png": ("나", colour(2))}


def test_metadata_without_labels_leaves_them_to_the_class_folders(tmp_path: Path) -> None:
    draw(tmp_path, *FOUR)
    table(tmp_path, listing("file_name,text", "고양이/1.png,a cat"), "metadata.csv")
    assert open_source(tmp_path).format == "class folders"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            ["0.png,a,train", "1.png,a,train"],
            "only one class with pictures, 'a'; a classifier needs two or more.",
        ),
        (
            ["0.png,a,train", "1.png,b,train", "2.png,c,val"],
            "val has class 'c', which train has not. Every class must have a picture in train.",
        ),
        (["0.png,a,val", "1.png,b,test"], "there is test and val, but no train to learn from."),
    ],
)
def test_splits_that_cannot_be_learned_from_are_refused(tmp_path: Path, rows: list[str], said: str) -> None:
    path = table(draw(tmp_path, "0.png", "1.png", "2.png"), listing("file,label,split", *rows))
    assert refusal(path) == f"{path}: {said}"


# --- files


def test_files_are_found_however_their_paths_are_written(tmp_path: Path) -> None:
    root = tmp_path / "set"
    draw(root, f"{NFD}/1.png", "나/가.png", "b/2.png", "c.png", "../다른/3.png")
    rows = ["고양이/1.png,x", f"{unicodedata.normalize('NFD', '나/가')},y", "b\\2.png,x"]
    rows += [f"{root}/c.png,y", "b/../../다른/3.png,x"]
    source = open_source(table(root, listing("image,label", *rows)))
    assert told(source) == {
        "고양이/1.png": "x",
        "나/가.png": "y",
        "b/2.png": "x",
        "c.png": "y",
        "../다른/3.png": "x",
    }
    assert [pixel for _, pixel in decoded(source).values()] == [colour(i) for i in range(5)]


def test_two_files_whose_names_differ_only_in_unicode_form_stay_two(tmp_path: Path) -> None:
    draw(tmp_path, "고양이.png", f"{NFD}.png")
    source = open_source(table(tmp_path, listing("file,label", "고양이.png,a", f"{NFD}.png,b")))
    assert decoded(source) == {"고양이.png": ("a", colour(0)), f"{NFD}.png": ("b", colour(1))}


def test_a_missing_file_stays_listed_to_be_named_when_it_is_read(tmp_path: Path) -> None:
    source = open_source(table(draw(tmp_path, *FOUR[1:]), BOTH))
    assert told(source) == EXPECTED
    assert source.notes == ["there is no file for: 고양이/1.png"]
    with pytest.raises(FileNotFoundError):
        source.splits["all"].read(0)


def test_where_most_files_are_missing_the_place_looked_at_is_named(tmp_path: Path) -> None:
    path = table(draw(tmp_path, FOUR[0]), BOTH)
    assert refusal(path) == (
        f"{path}: 3 of 4 files are not there, the first of them '고양이/2.png' (labels.csv line 3), "
        f"looked for at {tmp_path}/고양이/2.png. Paths start from the table's folder."
    )


def test_an_id_that_fits_two_files_is_no_file(tmp_path: Path) -> None:
    draw(tmp_path, "1.png", "1.jpg", "2.png", "3.png")
    source = open_source(table(tmp_path, listing("id,label", "1,a", "2,b", "3,a")))
    assert told(source) == {"1": "a", "2.png": "b", "3.png": "a"}
    assert source.notes == ["there is no file for: 1"]


def test_rows_that_say_the_same_again_are_left_out(tmp_path: Path) -> None:
    path = table(draw(tmp_path, *FOUR), BOTH + "./개/1.png,개\n")
    source = open_source(path)
    assert told(source) == EXPECTED
    assert source.notes == ["1 rows say again what another row says, and are left out"]


def test_a_file_under_two_labels_is_refused(tmp_path: Path) -> None:
    path = table(draw(tmp_path, *FOUR), BOTH + "개/1.png,고양이\n")
    assert refusal(path) == (
        f"{path}: 개/1.png stands in labels.csv line 4 and in labels.csv line 6, with different labels: '개' and "
        "'고양이'. Remove one of them; several labels of a picture stand in one row, as a|b under 'labels'."
    )


def test_a_file_in_two_splits_is_refused(tmp_path: Path) -> None:
    text = listing("file,label,split", "0.png,a,train", "1.png,b,train", "1.png,b,test")
    path = table(draw(tmp_path, "0.png", "1.png"), text)
    assert refusal(path) == (
        f"{path}: 1.png stands in labels.csv line 3 and in labels.csv line 4, once in train and once in test. "
        "Remove one of them."
    )


def test_ten_thousand_rows_cost_under_a_hundred_bytes_each(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    names = [f"pictures/picture_{i:08}.png" for i in range(10_000)]
    for name in names:
        (tmp_path / name).touch()
    path = table(
        tmp_path, listing("file,label", *(f"{name},class {i % 100}" for i, name in enumerate(names)))
    )
    assert len({id(cell) for cell in read_table(path, only=("label",)).columns["label"]}) == 100
    pictures = open_source(path).splits["all"]
    assert isinstance(pictures, FilePictures)
    assert pictures.names is pictures.files
    assert (pictures.files.nbytes + pictures.labels.nbytes) / len(names) < 100
