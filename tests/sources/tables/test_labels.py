from pathlib import Path

import pytest
from sets import colour, decoded, draw, refusal, told

from striate.sources.opening import open_source
from striate.sources.tables.columns import roles_of


def table(root: Path, header: str, *cells: str) -> Path:
    """Write a table and its pictures; each row is its picture's number and the cells given."""
    draw(root, *(f"{i}.png" for i in range(len(cells))))
    rows = [header, *(f"{i}.png,{row}" for i, row in enumerate(cells))]
    (root / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root / "labels.csv"


# --- which columns


@pytest.mark.parametrize(
    ("header", "file", "kind", "learned", "split"),
    [
        ("file,label,split", "file", "label", ["label"], "split"),
        ("Label,FileName", "FileName", "label", ["Label"], ""),
        ("image_id,dx,age", "image_id", "class", ["dx"], ""),
        ("Image Index,Finding Labels,Patient Age", "Image Index", "labels", ["Finding Labels"], ""),
        ("id_code,diagnosis", "id_code", "class", ["diagnosis"], ""),
        ("label,label_name,path", "path", "class", ["label_name"], ""),
        ("id,image,label", "image", "label", ["label"], ""),
        ("file,value,age", "file", "numbers", ["value"], ""),
        ("file,target:x,Target: y,label", "file", "numbers", ["target:x", "Target: y"], ""),
        ("image,healthy,rust,scab,set", "image", "rest", ["healthy", "rust", "scab"], "set"),
        ("Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path", "Path", "class", ["ClassId"], ""),
        ("파일명,라벨", "파일명", "label", ["라벨"], ""),
        ("file,breed,width,height,url", "file", "class", ["breed"], ""),
    ],
)
def test_columns_are_understood_by_their_names(
    header: str, file: str, kind: str, learned: list[str], split: str
) -> None:
    roles = roles_of(header.split(","))
    assert roles is not None
    assert (roles.file, roles.kind, list(roles.learned), roles.split) == (file, kind, learned, split)


@pytest.mark.parametrize("header", ["label", "name,label", "file", "file,split", "file,caption,width", ""])
def test_a_table_without_a_file_or_anything_to_learn_is_none(header: str) -> None:
    assert roles_of(header.split(",")) is None


# --- one class


def test_whole_numbers_are_classes_in_natural_order(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "file,label", "10", "2", "2.0", "007", "1"))
    assert source.classes == ("1", "2", "007", "10")
    assert told(source) == {"0.png": "10", "1.png": "2", "2.png": "2", "3.png": "007", "4.png": "1"}


def test_rows_without_a_label_are_left_out_with_a_note(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "file,label", "a", "", "b", '" "'))
    assert told(source) == {"0.png": "a", "2.png": "b"}
    assert source.notes == ["left out as without a label: 2 rows, the first at labels.csv line 3"]


def test_a_class_in_two_unicode_forms_is_one(tmp_path: Path) -> None:
    assert open_source(table(tmp_path, "file,label", "caf\u00e9", "cafe\u0301", "b")).classes == ("b", "café")


def test_the_only_other_column_holds_the_classes(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "id,has_cactus", "1", "0", "1", "0"))
    assert (source.task, source.classes) == ("classification", ("0", "1"))
    assert source.notes == ["column has_cactus holds the classes"]


def test_a_column_of_texts_that_mostly_differ_holds_no_classes(tmp_path: Path) -> None:
    path = table(tmp_path, "file,remark", "a cat", "a dog", "a cat", "two dogs")
    assert refusal(path) == (
        f"{path}: column remark has 3 texts in 4 rows, too many for classes. Name the column to learn 'label' "
        "(a class), 'labels' (several, as a|b) or 'value' (a number)."
    )


# --- several labels


@pytest.mark.parametrize(
    "cells", [("a|나", "", "나", "a"), ("a; 나", " ", "나;", "a"), ('"a,나"', "", "나", "a")]
)
def test_several_labels_stand_in_a_cell_with_marks_between_them(
    tmp_path: Path, cells: tuple[str, ...]
) -> None:
    source = open_source(table(tmp_path, "file,labels", *cells))
    assert (source.task, source.classes) == ("multi-label", ("a", "나"))
    assert told(source) == {"0.png": {"a", "나"}, "1.png": set(), "2.png": {"나"}, "3.png": {"a"}}
    assert source.notes == ["1 pictures have no label at all"]


@pytest.mark.parametrize("written", ['"[""a, b"", ""나""]"', "\"['a, b', '나']\""])
def test_several_labels_stand_in_a_cell_as_a_list(tmp_path: Path, written: str) -> None:
    source = open_source(table(tmp_path, "file,label", written, "[]", ""))
    assert told(source) == {"0.png": {"a, b", "나"}, "1.png": set(), "2.png": set()}


def test_lists_of_json_are_several_labels(tmp_path: Path) -> None:
    draw(tmp_path, "0.png", "1.png")
    path = tmp_path / "metadata.jsonl"
    path.write_text(
        '{"file_name": "0.png", "label": ["나", "b"]}\n{"file_name": "1.png", "label": []}\n', "utf-8"
    )
    assert decoded(open_source(path)) == {"0.png": ({"나", "b"}, colour(0)), "1.png": (set(), colour(1))}


def test_tags_stand_with_spaces_between_them_and_labels_do_not(tmp_path: Path) -> None:
    assert open_source(table(tmp_path / "1", "file,tags", "clear road", "road")).classes == ("clear", "road")
    source = open_source(table(tmp_path / "2", "file,labels", "golden retriever", "pug"))
    assert (source.task, source.classes) == ("classification", ("golden retriever", "pug"))


def test_class_numbers_stand_with_spaces_between_them(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "Id,Target", "5 0", "1", "10 5"))
    assert (source.task, source.classes) == ("multi-label", ("0", "1", "5", "10"))
    assert told(source) == {"0.png": {"0", "5"}, "1.png": {"1"}, "2.png": {"5", "10"}}


def test_a_list_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    path = table(tmp_path, "file,labels", "[]", "[a]")
    assert refusal(path) == f'{path}: [a] in column labels, labels.csv line 3, is no list such as ["a", "b"].'


def test_labels_that_no_picture_has_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "file,a,b", "0,0", "0,0")
    assert refusal(path) == f"{path}: no picture has any of the labels a, b."


def test_columns_of_minus_1_and_1_are_labels(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "image_id,Bald,Smiling,Young", "-1,1,1", "1,-1,1", "-1,-1,1"))
    assert told(source) == {"0.png": {"Smiling", "Young"}, "1.png": {"Bald", "Young"}, "2.png": {"Young"}}
    assert source.notes == ["the columns Bald, Smiling, Young of -1 and 1 are labels, several a picture"]


def test_minus_1_beside_0_or_a_blank_is_no_label_of_its_own(tmp_path: Path) -> None:
    for name, cells in (("zero", ("-1,1", "0,-1", "1,0")), ("blank", ("-1,1", "1,-1", "1,"))):
        source = open_source(table(tmp_path / name, "file,Edema,Fracture", *cells))
        assert source.task == "regression"
        assert source.notes[0] == "columns Edema, Fracture hold numbers to learn"


def test_columns_of_0_and_1_are_labels_and_a_blank_leaves_the_row_out(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "file,녹,scab,note", "1,1.0,x", "0,0.0,y", "False,True,x", ",1,y"))
    assert told(source) == {"0.png": {"녹", "scab"}, "1.png": set(), "2.png": {"scab"}}
    assert source.notes == [
        "the columns 녹, scab of 0 and 1 are labels, several a picture",
        "columns not used: note",
        "left out as without a label: 1 rows, the first at labels.csv line 5",
        "1 pictures have no label at all",
    ]


def test_columns_with_one_1_in_each_row_are_classes(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "image,mel,nv", "1.0,0.0", "0.0,1.0", "1.0,0.0"))
    assert (source.task, told(source)) == ("classification", {"0.png": "mel", "1.png": "nv", "2.png": "mel"})
    assert source.notes == ["each picture has 1 in one column, so the columns are classes"]


# --- numbers


def test_a_column_of_values_is_regression(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "file,value,split", "1,train", "2.5,train", "-3e1,val", "nan,val"))
    assert (source.task, source.classes) == ("regression", ("value",))
    assert told(source, "train") == {"0.png": {"value": 1.0}, "1.png": {"value": 2.5}}
    assert told(source, "val") == {"2.png": {"value": -30.0}}


def test_several_targets_are_named_by_their_columns(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "file,label,target:키,value:무게", "a,1,2", "b,3,4"))
    assert told(source) == {"0.png": {"키": 1.0, "무게": 2.0}, "1.png": {"키": 3.0, "무게": 4.0}}


@pytest.mark.parametrize("name", ["label", "target", "labels", "Pawpularity"])
def test_numbers_with_a_fraction_are_regression(tmp_path: Path, name: str) -> None:
    source = open_source(table(tmp_path, f"file,{name}", "1", "1.5", "1", "1"))
    assert (source.task, source.classes) == ("regression", (name,))
    assert source.notes == [f"column {name} holds numbers with a fraction: numbers to learn, not classes"]


def test_whole_numbers_of_which_most_differ_are_regression_unless_called_labels(tmp_path: Path) -> None:
    cells = ["31", "47", "12", "31"]
    source = open_source(table(tmp_path / "1", "file,target", *cells))
    assert (source.task, source.notes) == (
        "regression",
        ["column target holds whole numbers of which most differ: numbers to learn, not classes"],
    )
    assert open_source(table(tmp_path / "2", "file,label", *cells)).task == "classification"
    assert open_source(table(tmp_path / "3", "file,target", *"0101")).task == "classification"


def test_a_class_is_never_a_number(tmp_path: Path) -> None:
    assert open_source(table(tmp_path, "file,class", "0.5", "1.5", "0.5")).classes == ("0.5", "1.5")


def test_columns_of_numbers_without_other_columns_are_regression(tmp_path: Path) -> None:
    source = open_source(table(tmp_path, "file,eye_x,eye_y", "1,2.5", "3,4", "5,"))
    assert told(source) == {"0.png": {"eye_x": 1.0, "eye_y": 2.5}, "1.png": {"eye_x": 3.0, "eye_y": 4.0}}
    assert source.notes[0] == "columns eye_x, eye_y hold numbers to learn"


def test_columns_that_say_nothing_by_name_or_cells_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "file,age,sex", "1,m", "2,f")
    assert refusal(path) == (
        f"{path}: which of the columns age, sex says what is in a picture? "
        "Name it 'label' (a class), 'labels' (several, as a|b) or 'value' (a number)."
    )


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("1", "tall"), "'tall' in column value, labels.csv line 3, is no number."),
        (("1", "1e99"), "1.png has inf for value. Give a number, or leave the picture out."),
        (("3", "3.0"), "value is 3 for every picture, so nothing can be learned."),
    ],
)
def test_numbers_that_cannot_be_learned_are_refused(
    tmp_path: Path, cells: tuple[str, ...], said: str
) -> None:
    path = table(tmp_path, "file,value", *cells)
    assert refusal(path) == f"{path}: {said}"


@pytest.mark.parametrize(("second", "said"), [("b|c", "'a|b' and 'b|c'"), ("", "'a|b' and ''")])
def test_a_file_under_different_labels_is_refused_in_words(tmp_path: Path, second: str, said: str) -> None:
    path = table(tmp_path, "file,labels", "a|b", "a")
    path.write_text(path.read_text("utf-8") + f"0.png,{second}\n", "utf-8")
    assert refusal(path) == (
        f"{path}: 0.png stands in labels.csv line 2 and in labels.csv line 4, with different labels: {said}. "
        "Remove one of them; several labels of a picture stand in one row, as a|b under 'labels'."
    )
