"""The audit: what is planted in a folder is found, said and counted, and nothing else."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from messy import gathered, make_messy, picture
from numpy.typing import NDArray
from PIL import Image
from planted import scene

import striate
from striate.data.audit.audit import Audit, audit, audit_gathered
from striate.data.audit.clean import write_clean
from striate.data.audit.findings import SENTENCES
from striate.report.audit_text import audit_text


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return audit_gathered(gathered(make_messy(tmp_path_factory.mktemp("data") / "messy")))


def write(root: Path, counts: dict[str, int]) -> Path:
    """Write so many pictures, each unlike the others, into each folder."""
    seeds = iter(range(10_000))
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True)
        for i in range(count):
            picture(next(seeds)).save(root / folder / f"{i}.png")
    return root


def said(found: Audit) -> list[tuple[str, str]]:
    return [(finding.severity, finding.english) for finding in found.findings]


def test_every_planted_fault_is_found_and_nothing_else(messy: Audit) -> None:
    assert said(messy) == [
        ("stop", "pictures that cannot be read: 2 of 70"),
        ("stop", "exact copies under different labels: 2 pictures"),
        ("stop", "pictures of test that also stand in another split: 1 (5.9%), so scores come out too good"),
        ("look", "near copies under different labels: 2 pictures"),
        (
            "look",
            "pictures of test with a near copy in another split (resized, saved anew, recoloured): 1 (5.9%)",
        ),
        ("look", "exact copies within a split: 1 more than needed"),
        ("look", "classes with no picture to learn from: 1 (new folder (2))"),
        ("look", "classes with one picture only: 1 (Dog )"),
        ("look", "the largest class (고양이) has 31 times the pictures of the smallest (Dog )"),
        ("look", "class names that differ only in case, spaces or Unicode form: 'Dog ' and 'dog'"),
        ("look", "class names that folders get by themselves: new folder (2)"),
        ("look", "pictures far smaller than the others, under 20 pixels: 1"),
        ("look", "pictures that show nothing but one even colour: 1"),
        ("note", "classes without test pictures, so not scored: 1 (Dog )"),
        ("note", "files that are not what their names end in, read as what they are: 1"),
        ("note", "animations, of which the first frame is taken: 1"),
        ("note", "pictures turned upright by their EXIF orientation: 1"),
        ("note", "grey pictures among coloured ones: 2 of 68"),
    ]


def test_the_pictures_a_finding_is_about_are_named(messy: Audit) -> None:
    named = {finding.code: finding.names for finding in messy.findings}
    assert named["tiny"] == ("train/dog/tiny.png",)
    assert named["blank"] == ("train/dog/white.png",)
    assert named["misnamed"] == ("train/dog/png.jpg",)
    assert named["turned"] == ("train/dog/turned.jpg",)
    assert named["animated"] == ("train/dog/moving.gif",)
    assert named["mixed-colour"] == ("train/dog/deep.png", "train/dog/grey.png")
    assert named["across"] == ("test/고양이/leak.png",)
    assert [(bad.name, bad.reason) for bad in messy.unreadable] == [
        ("train/dog/empty.jpg", "the file is empty"),
        ("train/dog/page.png", "not a picture of a known format"),
    ]


def test_copies_are_listed_the_worst_first(messy: Audit) -> None:
    listed = [
        (copies.kind, copies.conflict, copies.across, tuple(copy.name for copy in copies.members))
        for copies in messy.copies
    ]
    assert listed == [
        ("exact", True, False, ("train/dog/conflict.png", "train/고양이/2.png")),
        ("near", True, False, ("train/dog/near conflict.jpg", "train/고양이/5.png")),
        ("exact", False, True, ("train/고양이/1.png", "test/고양이/leak.png")),
        ("near", False, True, ("train/고양이/4.png", "test/고양이/small.png")),
        ("exact", False, False, ("train/고양이/3.png", "train/고양이/copy of 3.png")),
    ]


def test_counts_sizes_and_kinds_are_those_of_the_folder(messy: Audit) -> None:
    assert messy.pictures == {"train": 53, "test": 17}
    assert messy.counts["train"] == {"Dog ": 1, "dog": 21, "new folder (2)": 0, "고양이": 31}
    assert messy.counts["test"] == {"Dog ": 0, "dog": 5, "new folder (2)": 0, "고양이": 12}
    assert (messy.height.least, messy.height.median, messy.height.most) == (9, 80, 100)
    assert messy.kinds == {"PNG": 65, "JPEG": 2, "GIF": 1}
    assert messy.modes == {"colour": 65, "grey": 2, "palette": 1}
    assert messy.deep == 1


def test_the_commands_mend_what_a_table_can(messy: Audit) -> None:
    assert messy.verdict == "stop"
    assert [command.split(" ", 2)[:2] for command in messy.commands] == [
        ["striate", "check"],
        ["striate", "train"],
    ]
    assert messy.commands[0].endswith("--write-manifest clean.csv")
    assert messy.commands[1] == "striate train clean.csv --sampling balanced"


def test_json_has_the_keys_the_page_on_it_names(messy: Audit) -> None:
    found = json.loads(json.dumps(messy.as_json(), allow_nan=False))
    page = (Path(__file__).parents[3] / "docs" / "check.md").read_text(encoding="utf-8")
    for key in found:
        assert f"| `{key}` |" in page
    assert found["schema"] == 1
    assert found["duplicates"][0] == {
        "kind": "exact",
        "across_splits": False,
        "label_conflict": True,
        "files": [
            {"file": "train/dog/conflict.png", "split": "train", "label": "dog"},
            {"file": "train/고양이/2.png", "split": "train", "label": "고양이"},
        ],
    }
    assert found["findings"][0] == {
        "code": "unreadable",
        "severity": "stop",
        "count": 2,
        "text": "pictures that cannot be read: 2 of 70",
        "files": ["train/dog/empty.jpg", "train/dog/page.png"],
    }


def test_the_page_names_every_finding() -> None:
    page = (Path(__file__).parents[3] / "docs" / "check.md").read_text(encoding="utf-8")
    for code in SENTENCES:
        assert f"| `{code}` |" in page


def test_a_plain_set_is_ok(tmp_path: Path) -> None:
    found = audit_gathered(gathered(write(tmp_path / "plain", {"a": 12, "b": 10})))
    assert (found.verdict, said(found), found.copies, found.commands) == ("ok", [], (), ())


@pytest.mark.parametrize(("largest", "severity"), [(8, None), (9, "note"), (30, "look")])
def test_imbalance_is_said_from_three_and_serious_from_ten(
    tmp_path: Path, largest: int, severity: str | None
) -> None:
    found = audit_gathered(gathered(write(tmp_path / "set", {"a": largest, "b": 3}))).finding("imbalance")
    assert (found and found.severity) == severity


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("New Folder", "b"), "machine-names"),
        (("dog (1)", "b"), "machine-names"),
        (("cats copy", "b"), "machine-names"),
        (("새 폴더", "b"), "machine-names"),
        (("train", "b", "c"), "split-names"),
        (("Validation", "b"), "split-names"),
        (("black_cat", "Black Cat"), "alike-names"),
        (("Ａ", "a"), "alike-names"),
        (("C", "C++"), None),
        (("news", "old town", "copyright"), None),
    ],
)
def test_odd_class_names_are_found(tmp_path: Path, names: tuple[str, ...], code: str | None) -> None:
    found = audit_gathered(gathered(write(tmp_path / "set", dict.fromkeys(names, 2))))
    assert [finding.code for finding in found.findings] == ([code] if code else [])


def test_few_unreadable_files_or_leaks_do_not_stop(tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"train/a": 110, "train/b": 110, "test/a": 30, "test/b": 30})
    (root / "train" / "a" / "bad.jpg").write_bytes(b"no")
    shutil.copy(root / "train" / "a" / "0.png", root / "test" / "a" / "leak.png")
    found = audit_gathered(gathered(root))
    assert [(f.code, f.severity) for f in found.findings] == [("unreadable", "look"), ("across", "look")]
    assert found.verdict == "look"


def test_several_labels_are_counted_and_their_conflicts_found(tmp_path: Path) -> None:
    root = write(tmp_path, {"p": 6})
    shutil.copy(root / "p" / "0.png", root / "p" / "same.png")
    labels = {
        "0": "red|round",
        "1": "red",
        "2": "round",
        "3": "blue",
        "4": "blue|round",
        "5": "red",
        "same": "red",
    }
    lines = [f"p/{name}.png,{label}" for name, label in labels.items()]
    (root / "set.csv").write_text("file,labels\n" + "\n".join(lines))
    found = audit_gathered(gathered(root / "set.csv"))
    assert found.counts == {"all": {"blue": 2, "red": 4, "round": 3}}
    assert [(f.code, f.count) for f in found.findings] == [("conflicts", 2)]
    assert [copy.label for copy in found.copies[0].members] == ["red, round", "red"]


def test_numbers_have_no_classes_but_may_conflict(tmp_path: Path) -> None:
    root = write(tmp_path, {"p": 4})
    shutil.copy(root / "p" / "0.png", root / "p" / "same.png")
    lines = [
        f"p/{name}.png,{value}"
        for name, value in zip(["0", "1", "2", "3", "same"], (1.5, 2, 3, 4, 2.5), strict=True)
    ]
    (root / "set.csv").write_text("file,value\n" + "\n".join(lines))
    found = audit_gathered(gathered(root / "set.csv"))
    assert (found.counts, found.task) == ({}, "regression")
    assert [(f.code, f.count) for f in found.findings] == [("conflicts", 2)]


def test_a_set_none_of_which_can_be_read_is_audited_too(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1.jpg").write_bytes(b"no")
    data = gathered(tmp_path / "set")
    found = audit(data.source, data.ledgers)
    assert (found.verdict, found.height.most, found.modes) == ("stop", 0, {})


def test_sentences_have_both_languages_with_the_same_words() -> None:
    def words(sentence: str) -> set[str]:
        return {part.split("}")[0] for part in sentence.split("{")[1:]}

    for english, korean in SENTENCES.values():
        assert words(english) == words(korean)


def test_pixels_of_one_grey_in_two_classes_conflict(tmp_path: Path) -> None:
    images = np.stack([np.asarray(picture(seed).convert("L")) for seed in (0, 1, 2, 0)])
    np.savez(tmp_path / "set.npz", x_train=images, y_train=np.array([0, 1, 0, 1]))
    found = audit_gathered(gathered(tmp_path / "set.npz"))
    assert [(f.code, f.count) for f in found.findings] == [("conflicts", 2)]
    assert found.commands == ()
    assert Image.fromarray(images[0]).size == (100, 80)


@pytest.mark.parametrize(
    ("most", "odd", "words"),
    [
        (5, 4, "pictures of another number of bands than most have (5): 2 of 14"),
        (3, 4, "pictures of another number of bands than most have (1 or 3): 2 of 14"),
    ],
)
def test_pictures_of_other_bands_stop_and_a_manifest_leaves_them_out(
    tmp_path: Path, most: int, odd: int, words: str
) -> None:
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(7):
            bands = odd if i == 3 else 1 if (i, most) == (4, 3) else most
            pixels = [scene(40, 40, seed=100 * ord(name) + 10 * i + j) for j in (0, 1)]
            tifffile.imwrite(
                tmp_path / "set" / name / f"{i}.tif",
                np.concatenate(pixels, axis=2)[:, :, :bands].squeeze(),
                photometric="minisblack",
                planarconfig=None if bands == 1 else "contig",
            )
    data = gathered(tmp_path / "set")
    found = audit_gathered(data)
    assert (found.verdict, found.findings[0].english, found.findings[0].names) == (
        "stop",
        words,
        ("a/3.tif", "b/3.tif"),
    )
    assert found.commands[1:] == ("striate train clean.csv",)
    cleaned = write_clean(data, tmp_path / "clean.csv")
    assert (cleaned.kept, cleaned.of_other_bands) == (12, 2)
    assert "other-bands" not in {
        finding.code for finding in audit_gathered(gathered(tmp_path / "clean.csv")).findings
    }


def test_a_set_whose_name_begins_like_a_flag_is_named_by_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = write(Path("-set"), {"a": 3, "b": 3})
    shutil.copy(root / "a" / "0.png", root / "a" / "copy.png")
    assert audit_gathered(gathered(root)).commands == (
        "striate check ./-set --write-manifest clean.csv",
        "striate train clean.csv",
    )


def test_a_manifest_is_not_mended_into_itself(tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"a": 3, "b": 3})
    shutil.copy(root / "a" / "0.png", root / "a" / "copy.png")
    rows = "".join(
        f"set/{path.parent.name}/{path.name},{path.parent.name}\n" for path in sorted(root.glob("*/*"))
    )
    (tmp_path / "clean.csv").write_text(f"file,class\n{rows}")
    assert audit_gathered(gathered(tmp_path / "clean.csv")).commands == (
        f"striate check {tmp_path / 'clean.csv'} --write-manifest clean-2.csv",
        "striate train clean-2.csv",
    )


def test_of_copies_across_splits_each_split_tells_its_own(tmp_path: Path) -> None:
    root = write(
        tmp_path / "set", {f"{split}/{name}": 3 for split in ("train", "val", "test") for name in "ab"}
    )
    shutil.copy(root / "train" / "a" / "0.png", root / "val" / "a" / "in val.png")
    shutil.copy(root / "train" / "b" / "0.png", root / "test" / "b" / "in test.png")
    text = audit_text(audit_gathered(gathered(root)), width=120)
    test, val = text.index("pictures of test"), text.index("pictures of val")
    assert test < val
    assert "in val" not in text[test:val]
    assert "train/b/0.png = test/b/in test.png" in text[test:val]
    assert "in test" not in text[val:]
    assert "train/a/0.png = val/a/in val.png" in text[val:]


def test_arrays_of_one_root_are_each_looked_at_themselves(tmp_path: Path) -> None:
    def made(images: NDArray[np.uint8]) -> striate.Source:
        labels = np.arange(len(images)) % 2
        pictures = striate.ArrayPictures("all", images, labels, np.arange(len(images)))
        return striate.Source(tmp_path, "mine", ("a", "b"), {"all": pictures})

    coloured = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    assert striate.check(made(coloured)).audit.verdict == "ok"
    blank = striate.check(made(np.full((40, 64, 64), 128, np.uint8))).audit
    assert (blank.height.median, blank.modes) == (64, {"grey": 40})
    assert {finding.code for finding in blank.findings} >= {"blank"}
    assert striate.check(made(coloured)).audit.modes == {"colour": 40}
