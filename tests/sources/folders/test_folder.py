import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from PIL import Image
from sets import draw, told

from striate.errors import DataError
from striate.sources.folders.files import FilePictures
from striate.sources.folders.folder import open_folder
from striate.sources.folders.walk import Walk
from striate.sources.opening import open_source, place_of
from striate.sources.source import Source

WANTED = (
    "Wanted: one folder a class, with JPEG or PNG files in each, or the same below train/, val/ and test/."
)


def fill(root: Path, *files: str) -> Path:
    """Write a picture for each path below a root; a path that ends in a slash is an empty folder."""
    for name in files:
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            Image.new("L", (2, 2)).save(path, "PNG")
    return root


def names(source: Source, split: str = "all") -> list[str]:
    return [source.splits[split].name(i) for i in range(len(source.splits[split]))]


def labelled(source: Source, split: str = "all") -> dict[str, str]:
    labels = source.splits[split].labels
    return {name: source.classes[label] for name, label in zip(names(source, split), labels, strict=True)}


def refusal(root: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        open_source(root)
    return str(caught.value)


# --- layouts


def test_a_flat_folder_has_a_class_for_each_folder(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "dog/1.png", "cat/2.jpg", "cat/1.jpeg"))
    assert (source.format, source.classes, list(source.splits), list(source.notes)) == (
        "class folders",
        ("cat", "dog"),
        ["all"],
        [],
    )
    assert labelled(source) == {"cat/1.jpeg": "cat", "cat/2.jpg": "cat", "dog/1.png": "dog"}


@pytest.mark.parametrize("train", ["train", "Training"])
@pytest.mark.parametrize("val", ["val", "valid", "validation", "Valid"])
@pytest.mark.parametrize("test", ["test", "testing"])
def test_splits_are_known_by_their_usual_names(tmp_path: Path, train: str, val: str, test: str) -> None:
    files = [f"{split}/{name}/1.png" for split in (train, val, test) for name in ("cat", "dog")]
    source = open_source(fill(tmp_path, *files))
    assert set(source.splits) == {"train", "val", "test"}
    assert source.notes == []
    for split, folder in (("train", train), ("val", val), ("test", test)):
        assert labelled(source, split) == {f"{folder}/cat/1.png": "cat", f"{folder}/dog/1.png": "dog"}


def test_train_alone_is_taken_as_a_whole_to_split(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "train/cat/1.png", "train/dog/1.png"))
    assert names(source) == ["train/cat/1.png", "train/dog/1.png"]
    assert source.notes == ["there is only train/: what is held out is taken from it"]


def test_a_test_folder_without_class_folders_is_left_out(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "train/cat/1.png", "train/dog/1.png", "test/7.png"))
    assert list(source.splits) == ["all"]
    assert source.notes == [
        "left out as in no class folder: test/7.png",
        "test/ has no pictures in class folders",
        "there is only train/: what is held out is taken from it",
    ]


def test_a_class_may_be_called_train_where_the_others_are_no_splits(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "bus/1.png", "car/1.png", "train/1.png", "train/freight/1.png"))
    assert source.classes == ("bus", "car", "train")
    assert labelled(source)["train/freight/1.png"] == "train"


def test_two_folders_for_one_split_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/b/1.png")
    assert refusal(tmp_path) == f"{tmp_path}: val/ and valid/ both mean val. Keep one of them."


def test_folders_beside_the_splits_are_left_out_with_a_note(tmp_path: Path) -> None:
    fill(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/1.png", "notes/1.png", "old/a/1.png")
    source = open_source(tmp_path)
    assert set(source.splits) == {"train", "test"}
    assert source.notes == ["left out as neither train/, val/ nor test/: notes, old"]


def test_pictures_of_nested_folders_belong_to_the_class_above(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "cat/b/c/3.png", "cat/a/2.png", "cat/1.png", "dog/x/y/z/1.png"))
    assert names(source) == ["cat/1.png", "cat/a/2.png", "cat/b/c/3.png", "dog/x/y/z/1.png"]


# --- class names


def test_classes_are_in_natural_order(tmp_path: Path) -> None:
    folders = ["10", "2", "1", "b10", "b9", "a"]
    assert open_source(fill(tmp_path, *(f"{f}/1.png" for f in folders))).classes == (
        *("1", "2", "10"),
        *("a", "b9", "b10"),
    )


def test_classes_of_one_number_have_the_same_order_in_every_process(tmp_path: Path) -> None:
    fill(tmp_path, *(f"{name}/1.png" for name in ("1", "01", "001", "0001")))
    code = f"from striate.sources.opening import open_source; print(open_source({str(tmp_path)!r}).classes)"
    for seed in "123":
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = [sys.executable, "-c", code]
        printed = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
        assert printed == "('0001', '001', '01', '1')\n"


def test_korean_names_in_two_unicode_forms_are_one_class_and_their_files_open(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "고양이") for form in ("NFC", "NFD"))
    source = open_source(
        fill(
            tmp_path,
            f"{composed}/하나.png",
            f"{decomposed}/{unicodedata.normalize('NFD', '둘')}.png",
            "강아지/1.png",
        )
    )
    assert source.classes == ("강아지", "고양이")
    assert names(source) == ["강아지/1.png", "고양이/둘.png", "고양이/하나.png"]
    pictures = source.splits["all"]
    assert all(pictures.read(i) for i in range(3))


def test_a_copy_with_names_in_another_unicode_form_has_the_same_pictures(tmp_path: Path) -> None:
    files = ["고양이/하나.png", "강아지/둘.png"]
    forms = {form: [unicodedata.normalize(form, f) for f in files] for form in ("NFC", "NFD")}
    assert forms["NFC"] != forms["NFD"]
    first, second = (open_source(fill(tmp_path / form, *forms[form])) for form in forms)
    assert labelled(first) == labelled(second)


def test_two_files_whose_names_differ_in_unicode_form_alone_are_two_pictures(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "고양이") for form in ("NFC", "NFD"))
    source = open_source(fill(tmp_path, f"{composed}/1.png", f"{decomposed}/1.png", "강아지/1.png"))
    assert len(set(names(source))) == 3
    assert names(source).count(f"{composed}/1.png") == 1


def test_names_that_are_not_utf_8_can_be_shown_and_their_files_open(tmp_path: Path) -> None:
    korean = os.fsencode(tmp_path) + b"/" + "고양이".encode("cp949")
    os.mkdir(korean)
    Image.new("L", (2, 2)).save(os.fsdecode(korean + b"/" + "하나.png".encode("cp949")), "PNG")
    source = open_source(fill(tmp_path, "cat/1.png"))
    shown = r"\udcb0\udced\udcbe\udce7\udcc0\udccc"
    assert source.classes == ("cat", shown)
    assert names(source)[1] == shown + r"/\udcc7ϳ\udcaa.png"  # two of the bytes are UTF-8 by chance
    assert source.splits["all"].read(1).startswith(b"\x89PNG")


# --- what is left out


def test_hidden_things_are_left_out_with_a_note(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/1.png", ".ipynb_checkpoints/1.png", "__MACOSX/a/._1.png")
    fill(tmp_path, "a/.ipynb_checkpoints/2.png", "a/._1.png", "b/.DS_Store")
    source = open_source(tmp_path)
    assert names(source) == ["a/1.png", "b/1.png"]
    assert source.notes == [
        "left out as hidden: .ipynb_checkpoints, __MACOSX, a/._1.png and 2 more",
    ]


def test_files_that_are_no_pictures_by_their_names_are_counted_by_kind(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/1.JPG", "b/no-suffix", "a/1.mp4", "a/2.MP4", "b/labels.csv")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    source = open_source(tmp_path)
    assert names(source) == ["a/1.png", "b/1.JPG", "b/no-suffix"]
    assert source.notes == ["left out as no pictures by their names: 4 (.mp4 2, .png 1, .csv 1)"]


@pytest.mark.parametrize("deep", ["", "train/", "train/cat/", "train/cat/more/"])
def test_a_file_that_is_no_picture_is_told_once_wherever_it_stands(tmp_path: Path, deep: str) -> None:
    splits = [f"{split}/{name}/1.png" for split in ("train", "test") for name in ("cat", "dog")]
    source = open_source(fill(tmp_path, *splits, f"{deep}README.txt"))
    assert len(names(source, "train")) == 2
    assert source.notes == ["left out as no pictures by their names: 1 (.txt 1)"]


def test_a_file_beside_class_folders_without_splits_is_told_once(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "cat/1.png", "dog/1.png", "README.txt"))
    assert source.notes == ["left out as no pictures by their names: 1 (.txt 1)"]


def test_of_many_kinds_that_are_no_pictures_the_most_frequent_are_told(tmp_path: Path) -> None:
    others = [f"a/{i}.{kind}" for kind in "bcdefghijk" for i in range(2 if kind == "k" else 1)]
    source = open_source(fill(tmp_path, "a/1.png", "b/1.png", *others))
    assert source.notes == [
        "left out as no pictures by their names: 11 (.k 2, .b 1, .c 1, .d 1, .e 1, .f 1, .g 1, .h 1 and 2 more kinds)"
    ]


def test_what_systems_leave_is_hidden_and_makes_no_class(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/1.png", "Thumbs.db", "b/desktop.ini", "a/@eaDir/1.png", "lost+found/")
    source = open_source(tmp_path)
    assert (source.classes, names(source)) == (("a", "b"), ["a/1.png", "b/1.png"])
    assert source.notes == ["left out as hidden: Thumbs.db, a/@eaDir, b/desktop.ini and 1 more"]


def test_a_note_can_be_stored_whatever_bytes_a_name_has(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/1.png")
    for name in (b".caf\xe9", b"notes.\xe9"):
        (tmp_path / os.fsdecode(name)).touch()
    assert open_source(tmp_path).notes == [
        r"left out as hidden: .caf\udce9",
        r"left out as no pictures by their names: 1 (.\udce9 1)",
    ]


def test_pictures_beside_the_class_folders_are_left_out_with_a_note(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "a/1.png", "b/1.png", *(f"{i}.png" for i in range(5))))
    assert len(names(source)) == 2
    assert source.notes == ["left out as in no class folder: 0.png, 1.png, 2.png and 2 more"]


def test_an_empty_class_is_kept_with_a_note(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "a/1.png", "b/", "c/1.png"))
    assert source.classes == ("a", "b", "c")
    assert source.notes == ["class 'b' has no pictures to learn from"]
    assert source.splits["all"].labels.tolist() == [0, 2]


def test_a_class_that_is_empty_in_train_alone_has_a_note(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "train/a/1.png", "train/b/1.png", "train/c/", "test/c/1.png"))
    assert source.notes == ["class 'c' has no pictures to learn from"]
    assert labelled(source, "test") == {"test/c/1.png": "c"}


# --- refusals


def test_a_class_that_only_test_has_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png")
    assert refusal(tmp_path) == (
        f"{tmp_path}: test/ has class 'c', which train/ has not. Every class must have a folder in train/."
    )


def test_a_link_back_up_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/1.png", "a/deep/1.png")
    (tmp_path / "a" / "deep" / "loop").symlink_to(tmp_path)
    assert refusal(tmp_path) == (
        f"{tmp_path}/a/deep/loop: a link that leads back to a folder it is in, and so has no end. Remove the link."
    )


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "x").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "y").symlink_to(tmp_path / "a")
    assert names(open_source(tmp_path)) == ["a/1.png", "a/x/2.png", "b/2.png", "b/y/1.png"]


def test_links_to_folders_and_files_elsewhere_are_followed(tmp_path: Path) -> None:
    fill(tmp_path, "store/1.png", "store/2.png", "data/dog/1.png", "data/dog/3/")
    (tmp_path / "data" / "cat").symlink_to(tmp_path / "store")
    (tmp_path / "data" / "dog" / "2.png").symlink_to(tmp_path / "store" / "2.png")
    assert names(open_source(tmp_path / "data")) == ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"]


def test_dead_links_are_kept_to_be_named_when_they_are_read(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "a" / "dead.png").symlink_to("nowhere.png")
    (tmp_path / "b" / "self.png").symlink_to("self.png")
    source = open_source(tmp_path)
    assert names(source) == ["a/1.png", "a/dead.png", "b/1.png", "b/self.png"]
    with pytest.raises(OSError, match="No such file"):
        source.splits["all"].read(1)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/1.png", "b/deep/")
    (tmp_path / "b" / "deep").chmod(0)
    assert refusal(tmp_path) == f"{tmp_path}/b/deep: cannot be listed (Permission denied)."
    (tmp_path / "b" / "deep").chmod(0o700)


def test_a_folder_that_is_gone_cannot_be_listed(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Walk(tmp_path).folders("gone")
    assert str(caught.value) == f"{tmp_path}/gone: cannot be listed (No such file or directory)."


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "photos") == (
        f"{tmp_path}/photos: no such folder. Give a folder of class folders, or 'fashion'."
    )


def test_folders_are_splits_for_a_word_of_their_names(tmp_path: Path) -> None:
    for split in ("seg_train", "seg_test"):
        draw(tmp_path / split / split, "a/1.png", "b/2.png")
    draw(tmp_path / "seg_pred", "1.png", "2.png")
    source = open_source(tmp_path)
    assert {split: len(pictures) for split, pictures in source.splits.items()} == {"train": 2, "test": 2}
    assert told(source, "test") == {"seg_test/seg_test/a/1.png": "a", "seg_test/seg_test/b/2.png": "b"}
    assert source.notes == [
        "seg_test/seg_test/ is test, by a word of its name",
        "seg_train/seg_train/ is train, by a word of its name",
        "left out as neither train/, val/ nor test/: seg_pred",
    ]


@pytest.mark.parametrize(
    "folders",
    [
        ("train", "bus", "car"),  # which are vehicles
        ("train_a/x", "train_a/y", "test_b/x", "test_b/y", "other/x", "other/y"),
        ("train_a/x", "train_a/y", "train_b/x", "train_b/y"),
        ("train_station", "test_tube"),
    ],
)
def test_classes_that_are_called_like_splits_stay_classes(tmp_path: Path, folders: tuple[str, ...]) -> None:
    for folder in folders:
        draw(tmp_path / folder, "1.png", "2.png")
    assert open_source(tmp_path).classes == tuple(sorted({folder.partition("/")[0] for folder in folders}))


@pytest.mark.parametrize("archived", [False, True])
def test_a_folder_that_is_all_there_is_is_gone_into(
    tmp_path: Path, archived: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    draw(tmp_path / "set" / "PetImages", "Cat/1.png", "Dog/2.png")
    (tmp_path / "set" / "readme.txt").write_text("the pets")
    place = (
        shutil.make_archive(str(tmp_path / "pets"), "zip", tmp_path / "set") if archived else tmp_path / "set"
    )
    source = open_source(Path(place))
    assert told(source) == {"Cat/1.png": "Cat", "Dog/2.png": "Dog"}
    assert source.notes == ["everything is in PetImages/"]


def test_a_folder_of_one_class_is_not_gone_into(tmp_path: Path) -> None:
    draw(tmp_path, "cat/1.png", "cat/2.png")
    assert refusal(tmp_path).startswith(f"{tmp_path}: only one class with pictures, 'cat'; ")


def test_an_empty_name_is_not_the_folder_one_stands_in() -> None:
    with pytest.raises(DataError) as caught:
        open_source("")
    assert str(caught.value) == (
        "'': no data set has an empty name. Give a folder of class folders, or '.' for this one."
    )


def test_a_file_instead_of_a_folder_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "1.png")
    assert refusal(tmp_path / "1.png") == (
        f"{tmp_path}/1.png: no data set. Give the folder that holds the class folders, or a file of these: "
        ".csv, .tsv, .jsonl, .npz, .parquet, .zip, .tar, .tar.gz."
    )


@pytest.mark.parametrize("files", [[], ["a/", "b/"], ["a/1.txt", "b/"], ["train/", "test/a/"]])
def test_a_folder_without_pictures_is_refused(tmp_path: Path, files: list[str]) -> None:
    fill(tmp_path, *files)
    if files[:1] == ["train/"]:
        fill(tmp_path, "train/a/")
        assert refusal(tmp_path) == f"{tmp_path}/train: no pictures in it. {WANTED}"
    else:
        assert refusal(tmp_path) == f"{tmp_path}: no pictures in it. {WANTED}"


def test_pictures_without_class_folders_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, "1.png", "2.png")
    assert refusal(tmp_path) == f"{tmp_path}: 2 pictures, but none in a class folder. {WANTED}"


def test_train_and_test_without_class_folders_are_not_taken_for_two_classes(tmp_path: Path) -> None:
    fill(tmp_path, "train/cat.0.png", "train/dog.0.png", "train/dog.1.png", "test/1.png")
    assert refusal(tmp_path) == f"{tmp_path}/train: 3 pictures, but none in a class folder. {WANTED}"


@pytest.mark.parametrize("files", [["cat/1.png"], ["cat/1.png", "dog/"]])
def test_one_class_is_refused(tmp_path: Path, files: list[str]) -> None:
    assert refusal(fill(tmp_path, *files)) == (
        f"{tmp_path}: only one class with pictures, 'cat'; a classifier needs two or more. {WANTED}"
    )


def test_a_local_folder_goes_before_the_bundled_set_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_source("fashion").format == "IDX"
    assert place_of("fashion") == "fashion"
    fill(tmp_path, "fashion/a/1.png", "fashion/b/1.png")
    assert open_source("fashion").format == "class folders"
    assert place_of("fashion") == str(tmp_path / "fashion")


def test_a_subset_keeps_names_files_and_labels_together(tmp_path: Path) -> None:
    pictures = open_folder(fill(tmp_path, "a/1.png", "b/2.png", "b/3.png")).splits["all"]
    assert isinstance(pictures, FilePictures)
    some = pictures.subset([2, 0])  # type: ignore[arg-type]
    assert [some.name(0), some.name(1)] == ["b/3.png", "a/1.png"]
    assert some.labels.tolist() == [1, 0]
    assert len(some) == 2
