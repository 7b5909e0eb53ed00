"""WebDataset shards on this machine: a folder, one shard, or a brace pattern."""

import gzip
import io
import json
import os
import random
import shutil
import tarfile
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.errors import DataError, command
from striate.host.cache import cache_folder
from striate.runs.run import open_run
from striate.sources.names import Names
from striate.sources.opening import BUNDLED, open_source
from striate.sources.shards import shards
from striate.sources.shards.labels import labels_of
from striate.sources.shards.shards import ShardPictures

Striate = Callable[..., Any]
# File name -> content, in the order of the shard.
Members = Sequence[tuple[str, bytes]]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))


def shard(path: Path, members: Members, form: int = tarfile.PAX_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def samples(start: int, count: int, label: Callable[[int], str], ending: str = "cls") -> Members:
    """Return samples of a few bytes each, numbered from `start`."""
    return [
        member
        for i in range(start, start + count)
        for member in ((f"{i:06d}.jpg", picture(i)), (f"{i:06d}.{ending}", label(i).encode()))
    ]


def picture(number: int) -> bytes:
    return f"picture {number} ".encode() * (number + 1)


def folder(root: Path, names: Sequence[str] = ("000000", "000001", "000002")) -> Path:
    for i, name in enumerate(names):
        shard(root / f"{name}.tar", samples(i * 10, 10, lambda n: str(n % 3)))
    return root


def refusal(place: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        open_source(place)
    return str(caught.value)


def one(tmp_path: Path, members: Members) -> Any:
    return open_source(shard(tmp_path / "one.tar", members))


# --- what opens


def test_a_folder_of_shards_is_read_picture_by_picture(tmp_path: Path) -> None:
    source = open_source(folder(tmp_path / "꽃"))
    assert (source.root, source.format, source.evidence) == (
        tmp_path / "꽃",
        "WebDataset",
        "it holds the shard 000000.tar",
    )
    assert (source.task, source.classes, list(source.splits)) == (
        "classification",
        ("0", "1", "2"),
        ["all"],
    )
    pictures = source.splits["all"]
    assert [pictures.read(i) for i in range(30)] == [picture(i) for i in range(30)]
    assert pictures.labels.tolist() == [i % 3 for i in range(30)]
    assert pictures.name(0) == "000000/000000.jpg"
    assert pictures.name(29) == "000002/000029.jpg"
    some = pictures.subset(np.array([29, 4])).subset(np.array([1]))
    assert (some.name(0), some.read(0), some.labels.tolist()) == ("000000/000004.jpg", picture(4), [1])


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train-000000", "train-000001", "val-000000"), {"train": 20, "val": 10}),
        (("train_0", "valid_0", "test_0"), {"train": 10, "val": 10, "test": 10}),
        (("train/0", "train/1", "validation/0"), {"train": 20, "val": 10}),
        (("imagenette-train-0000", "imagenette-validation-00"), {"train": 10, "val": 10}),
        (("a-0", "b-0", "c-0"), {"all": 30}),
        (("val-0", "val-1", "test-0"), {"all": 30}),
    ],
)
def test_splits_are_named_by_shards_or_their_folders(
    tmp_path: Path, names: Sequence[str], splits: Mapping[str, int]
) -> None:
    source = open_source(folder(tmp_path / "set", names))
    assert {split: len(pictures) for split, pictures in source.splits.items()} == splits
    assert {p.name(i).rpartition("/")[0] for p in source.splits.values() for i in range(len(p))} == set(names)


def test_shards_of_no_split_beside_others_are_left_out_with_a_note(tmp_path: Path) -> None:
    source = open_source(folder(tmp_path / "set", ("train-0", "val-0", "extra-0")))
    assert {split: len(p) for split, p in source.splits.items()} == {"train": 10, "val": 10}
    assert source.notes == ["left out as neither train, val nor test: extra-0"]


def test_a_pattern_stands_for_shards_known_by_the_same_names_as_in_their_folder(tmp_path: Path) -> None:
    whole = open_source(folder(tmp_path / "set")).splits["all"]
    source = open_source(f"{tmp_path}/set/{{000001..000002}}.tar")
    pictures = source.splits["all"]
    assert source.evidence == "it is a pattern of shards"
    assert [pictures.name(i) for i in range(20)] == [whole.name(i) for i in range(10, 30)]
    split = open_source(f"{folder(tmp_path / 'split', ('train-0', 'val-0'))}/{{train,val}}-0.tar")
    assert {name: len(p) for name, p in split.splits.items()} == {"train": 10, "val": 10}


def test_a_lone_shard_is_one_and_a_tar_of_class_folders_is_an_archive(tmp_path: Path) -> None:
    assert one(tmp_path, samples(0, 3, str)).evidence == "it is a tar of samples"
    classes = shard(tmp_path / "classes.tar", [("a/1.png", b"1"), ("b/2.png", b"2")])
    assert open_source(classes).format == "class folders"


def test_a_tar_beside_class_folders_does_not_make_them_shards(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1.png").write_bytes(b"x")
    folder(tmp_path / "set", ("backup",))
    assert open_source(tmp_path / "set").format == "class folders"
    shutil.copytree(tmp_path / "set", tmp_path / "split" / "train")
    assert open_source(tmp_path / "split").format == "class folders"


def test_a_tar_beside_idx_files_does_not_make_them_shards(tmp_path: Path) -> None:
    shutil.copytree(BUNDLED["fashion"], tmp_path / "set")
    folder(tmp_path / "set", ("backup",))
    assert open_source(tmp_path / "set").format == "IDX"


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_korean_names_are_read(tmp_path: Path, form: int) -> None:
    long = "아주긴이름" * 20
    members = [
        (f"{long}/{i}.{end}", text) for i in range(2) for end, text in (("png", b"p"), ("cls", b"%d" % i))
    ]
    source = open_source(shard(tmp_path / "long.tar", members, form))
    assert source.splits["all"].name(1) == f"long/{long}/1.png"


def test_a_sample_may_have_several_files_of_which_the_plainest_picture_counts(tmp_path: Path) -> None:
    members = [
        ("./a/1.depth.png", b"depth"),
        ("./a/1.jpg", b"one"),
        ("./a/1.JSON", b'{"caption": "no label"}'),
        ("./a/1.cls", b"0\n"),
        ("./a/.hidden.jpg", b""),
        ("./__url__", b""),
        ("./a/2.txt", b"9"),
        ("./a/2.cls", b"1"),
        ("./a/2.input.webp", b"two"),
    ]
    pictures = one(tmp_path, members).splits["all"]
    assert [(pictures.name(i), pictures.read(i), pictures.labels[i]) for i in range(2)] == [
        ("one/a/1.jpg", b"one", 0),
        ("one/a/2.input.webp", b"two", 1),
    ]


def test_samples_without_picture_or_label_are_left_out_with_a_note(tmp_path: Path) -> None:
    members = [*samples(0, 4, str), ("x.jpg", b"x"), ("y.cls", b"1"), ("z.jpg", b"z"), ("z.json", b"{bad")]
    source = one(tmp_path, members)
    assert len(source.splits["all"]) == 4
    assert source.notes == [
        "left out as without a label: 2 samples",
        "left out as without a picture: 1 samples",
    ]


def test_arrays_are_read_as_pixels(tmp_path: Path) -> None:
    buffers = []
    for i in range(2):
        buffers.append(io.BytesIO())
        np.save(buffers[-1], np.full((4, 5), i, np.uint16))
    members = [("a.npy", buffers[0].getvalue()), ("a.cls", b"0"), ("b.npy", b"\x93NUMPYbad"), ("b.cls", b"1")]
    pictures = one(tmp_path, members).splits["all"]
    assert np.asarray(pictures.read(0)).shape == (4, 5)
    with pytest.raises(OSError, match="not a NumPy array"):
        pictures.read(1)


# --- labels


@pytest.mark.parametrize(
    ("ending", "label", "task", "classes", "values"),
    [
        ("cls", str, "classification", ("0", "1", "2", "3"), [0, 1, 2, 3]),
        ("cls", lambda i: f" {i} \n", "classification", ("0", "1", "2", "3"), [0, 1, 2, 3]),
        ("json", str, "classification", ("0", "1", "2", "3"), [0, 1, 2, 3]),
        ("json", lambda i: f'{{"label": {i}}}', "classification", ("0", "1", "2", "3"), [0, 1, 2, 3]),
        ("txt", lambda i: "개고양이"[i % 2 :], "classification", ("개고양이", "고양이"), [0, 1, 0, 1]),
        (
            "json",
            lambda i: f'{{"class": "c{10 - i}"}}',
            "classification",
            ("c7", "c8", "c9", "c10"),
            [3, 2, 1, 0],
        ),
        ("json", lambda i: f'{{"label": {i}.5}}', "regression", ("value",), [[0.5], [1.5], [2.5], [3.5]]),
        ("json", lambda i: str(i / 2), "regression", ("value",), [[0], [0.5], [1], [1.5]]),
        (
            "json",
            lambda i: f"[{i}, {i}.5]",
            "regression",
            ("value 1", "value 2"),
            [[i, i + 0.5] for i in range(4)],
        ),
        (
            "json",
            lambda i: json.dumps({"labels": list(range(i % 3))}),
            "multi-label",
            ("0", "1"),
            [[0, 0], [1, 0], [1, 1], [0, 0]],
        ),
        (
            "json",
            lambda i: json.dumps({"labels": ["해", "달"][: i % 3]}),
            "multi-label",
            ("달", "해"),
            [[0, 0], [0, 1], [1, 1], [0, 0]],
        ),
    ],
)
def test_labels_are_what_they_look_like(
    tmp_path: Path, ending: str, label: Callable[[int], str], task: str, classes: Any, values: Any
) -> None:
    source = one(tmp_path, samples(0, 4, label, ending))
    assert (source.task, source.classes) == (task, classes)
    labels = source.splits["all"].labels
    assert labels.tolist() == values
    assert (
        labels.dtype == {"classification": np.int64, "multi-label": np.uint8, "regression": np.float32}[task]
    )


@pytest.mark.parametrize(
    ("file", "content"),
    [("classes.txt", "개\n고양이\n새\n"), ("dataset.json", '{"classes": ["개", "고양이", "새"]}')],
)
def test_class_names_stand_beside_the_shards(tmp_path: Path, file: str, content: str) -> None:
    folder(tmp_path / "set")
    (tmp_path / "set" / file).write_text(content, encoding="utf-8")
    assert open_source(tmp_path / "set").classes == ("개", "고양이", "새")
    (tmp_path / "set" / file).write_text('{"classes": 3}' if file.endswith("json") else "")
    assert open_source(tmp_path / "set").classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [
        (["0", "3"], "a\nb", "label 3, but there are 2 class names, counted from 0."),
        (["0", "-1"], "", "label -1, but at most 100,000 classes are learned, counted from 0."),
        (
            ["0", "99999999999"],
            "",
            "label 99999999999, but at most 100,000 classes are learned, counted from 0.",
        ),
        (["a", "c"], "a\nb", "label 'c', which is none of the 2 class names."),
        (["[0, 7]", "[1]"], "a\nb", "label 7, but there are 2 class names, counted from 0."),
        (
            ["1", '"a"'],
            "",
            'labels such as 1 and "a". Wanted: class numbers or names, lists of them, or numbers with a point, '
            "and one kind for all.",
        ),
        (
            ["NaN", "1.5"],
            "",
            "labels such as NaN. Wanted: class numbers or names, lists of them, or numbers with a point, "
            "and one kind for all.",
        ),
        (
            ["1e300", "1.5"],
            "",
            "labels such as 1e+300. Wanted: class numbers or names, lists of them, or numbers with a point, "
            "and one kind for all.",
        ),
        (
            ["1", f"1{'0' * 30}"],
            "",
            f"label 1{'0' * 30}, but at most 100,000 classes are learned, counted from 0.",
        ),
        (["[0.5]", "[1, 2.5]"], "", "lists of 1 and of 2 numbers. Wanted: as many for every picture."),
        (
            ['["a"]', "[1]"],
            "",
            "lists of class numbers beside lists of class names. Wanted: one kind for all.",
        ),
        (["1", "1"], "", "only one class with pictures, '1'; a classifier needs two or more."),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(
    tmp_path: Path, labels: list[str], classes: str, said: str
) -> None:
    shard(
        tmp_path / "set" / "0.tar",
        samples(0, 2, lambda i: labels[i] if labels[0] != "a" else f'"{labels[i]}"', "json"),
    )
    (tmp_path / "set" / "classes.txt").write_text(classes)
    assert refusal(tmp_path / "set") == f"{tmp_path}/set: {said}"


def test_captions_are_not_taken_for_classes(tmp_path: Path) -> None:
    path = shard(tmp_path / "one.tar", samples(0, 30, lambda i: f"a photo of number {i}", "txt"))
    assert refusal(path) == (
        f"{path}: 30 different labels for 30 pictures: captions, it seems, and not classes."
    )


# --- damage


def test_of_a_shard_cut_short_what_is_whole_is_used(tmp_path: Path) -> None:
    folder(tmp_path / "set")
    path = tmp_path / "set" / "000002.tar"
    with tarfile.open(path) as tar:
        end = tar.getmember("000025.jpg").offset_data + 10
    path.write_bytes(path.read_bytes()[:end])
    source = open_source(tmp_path / "set")
    assert len(source.splits["all"]) == 25
    assert source.notes == [
        "000002: it has no end; its first 5 samples are used",
        "left out as without a picture: 1 samples",
    ]


def test_every_place_to_cut_a_shard_leaves_whole_samples(tmp_path: Path) -> None:
    data = shard(tmp_path / "whole.tar", samples(0, 4, str)).read_bytes()
    for cut in range(2048, len(data), 256):
        path = tmp_path / f"{cut}.tar"
        path.write_bytes(data[:cut])
        try:
            pictures = open_source(path).splits["all"]
        except DataError:
            assert cut < 4096
            continue
        assert [pictures.read(i) for i in range(len(pictures))] == [picture(i) for i in range(len(pictures))]
        assert pictures.labels.tolist() == list(range(len(pictures)))


def test_any_damage_to_a_shard_leaves_samples_or_a_data_error(tmp_path: Path) -> None:
    good = shard(tmp_path / "good.tar", samples(0, 6, lambda i: f'{{"label": {i % 2}}}', "json")).read_bytes()
    rng = np.random.default_rng(0)
    for i in range(300):
        data = bytearray(good)
        for at in rng.integers(0, len(data), rng.integers(1, 40)):
            data[at] = rng.integers(256)
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / f"{i}.tar").write_bytes(data)
        with suppress(DataError):
            pictures = open_source(tmp_path / "set").splits["all"]
            assert len(pictures) <= 6
            assert all(isinstance(pictures.read(k), bytes) for k in range(len(pictures)))
        shutil.rmtree(tmp_path / "set")


def test_labels_are_sorted_out_without_much_memory() -> None:
    for text in ("{}", "{}.5"):
        labels = Names(text.format(i % 1000 if text == "{}" else i) for i in range(100_000))
        tracemalloc.start()
        targets = labels_of(labels, ())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(targets.values) == 100_000
        assert peak / 100_000 < 300


def test_shards_without_samples_are_refused(tmp_path: Path) -> None:
    wanted = "Wanted: for each sample a picture such as 0001.jpg and beside it a label such as 0001.cls."
    root = tmp_path / "set"
    shard(root / "0.tar", [])
    assert refusal(root) == f"{root}: no samples in it. {wanted}"
    shard(root / "0.tar", [("1.jpg", b"x"), ("2.jpg", b"x"), ("3.cls", b"1")])
    assert refusal(root) == (
        f"{root}: no samples in it, but 2 pictures without a label and 1 labels without a picture. {wanted}"
    )
    (root / "0.tar").write_bytes(b"<html>" * 1000)
    assert refusal(root) == (
        f"{root}: no sample can be read (0: a header in it is damaged). Fetch it or pack it anew."
    )
    (root / "0.tar").write_bytes(b"")
    assert refusal(root) == f"{root}: no sample can be read (0: it has no end). Fetch it or pack it anew."


@pytest.mark.parametrize(
    "members",
    [
        [*samples(0, 3, str), ("000001.cls", b"1")],
        [*samples(0, 3, str), ("000002.jpg", b"again")],
    ],
)
def test_a_sample_that_stands_twice_is_refused(tmp_path: Path, members: Members) -> None:
    path = shard(tmp_path / "one.tar", members)
    assert refusal(path) == (
        f"{path}: '{members[-1][0]}' or its sample stands there twice. Pack the shard anew."
    )


@pytest.mark.parametrize("ending", [".tar.gz", ".tgz", ".tar"])
def test_compressed_shards_are_refused_with_advice(tmp_path: Path, ending: str) -> None:
    for path in folder(tmp_path / "set").glob("*.tar"):
        path.with_name(path.stem + ending).write_bytes(gzip.compress(path.read_bytes()))
        if ending != ".tar":
            path.unlink()
    assert refusal(tmp_path / "set").endswith(
        f"{ending}: compressed, so that no picture in it can be read by itself. Decompress the shards once, as by "
        "gunzip; pictures do not grow by that."
    )


def test_missing_shards_of_a_pattern_are_named(tmp_path: Path) -> None:
    pattern = f"{folder(tmp_path / 'set')}/{{000000..000004}}.tar"
    assert refusal(pattern) == (
        f"{pattern}: 2 of the 5 files it stands for are not there, the first of them {tmp_path}/set/000003.tar."
    )


def test_commands_are_never_run(tmp_path: Path) -> None:
    assert refusal(f"pipe:touch {tmp_path}/x") == (
        f"pipe:touch {tmp_path}/x: commands are not run. Give the shards' paths or addresses."
    )
    assert not (tmp_path / "x").exists()


def test_a_shard_that_is_gone_or_changed_is_told_when_read(tmp_path: Path) -> None:
    pictures = open_source(folder(tmp_path / "set")).splits["all"]
    stamp = pictures.stamp(0)
    path = tmp_path / "set" / "000000.tar"
    path.write_bytes(path.read_bytes()[:600])
    assert pictures.stamp(0) != stamp
    with pytest.raises(OSError, match="its shard has been cut short"):
        pictures.read(5)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        pictures.read(0)


# --- the index


def test_an_index_is_kept_until_the_shard_changes(tmp_path: Path) -> None:
    root = folder(tmp_path / "set")
    open_source(root)
    kept = sorted((cache_folder() / "shards").iterdir())
    times = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 3
    again = open_source(root).splits["all"]
    assert [again.read(i) for i in range(30)] == [picture(i) for i in range(30)]
    assert [path.stat().st_mtime_ns for path in kept] == times
    shard(root / "000001.tar", samples(10, 12, str))
    assert len(open_source(root).splits["all"]) == 32
    assert len(list((cache_folder() / "shards").iterdir())) == 4


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    root = folder(tmp_path / "set")
    open_source(root)
    rng = random.Random(0)
    for path in (cache_folder() / "shards").iterdir():
        content = bytearray(path.read_bytes())
        for _ in range(20):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content[: rng.randrange(len(content))])
    pictures = open_source(root).splits["all"]
    assert [pictures.read(i) for i in range(30)] == [picture(i) for i in range(30)]


def test_an_index_that_cannot_be_kept_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "file"))
    assert len(open_source(folder(tmp_path / "set")).splits["all"]) == 30


def test_a_sample_costs_less_than_a_hundred_bytes_in_the_process(tmp_path: Path) -> None:
    pictures = one(tmp_path, samples(0, 3000, lambda i: str(i % 10))).splits["all"]
    arrays = (pictures.shards, pictures.offsets, pictures.sizes, pictures.labels)
    assert (sum(array.nbytes for array in arrays) + pictures.members.nbytes) / 3000 < 100


# --- reading


def test_pages_are_runs_of_one_shard_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PAGE_BYTES", 8192)
    pictures = open_source(folder(tmp_path / "set")).splits["all"]
    mixed = pictures.subset(np.random.default_rng(0).permutation(30))
    assert isinstance(mixed, ShardPictures)
    pages = mixed.pages()
    assert sorted(np.concatenate(pages).tolist()) == list(range(30))
    assert len(pages) > 3
    for page in pages:
        assert len(set(mixed.shards[page].tolist())) == 1
        offsets = mixed.offsets[page].tolist()
        assert offsets == sorted(offsets)
        assert offsets[-1] - offsets[0] < 8192
    assert mixed.subset(np.array([], np.int64)).pages() == []


def test_threads_read_the_same_bytes(tmp_path: Path) -> None:
    pictures = open_source(folder(tmp_path / "set")).splits["all"]
    order = np.random.default_rng(1).integers(0, 30, 2000)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(pictures.read, order)) == [picture(i) for i in order]
    assert len(os.listdir("/proc/self/fd")) < 100


def test_a_run_on_shards_scores_as_one_on_moved_shards(
    striate: Striate, photos: Path, flags: tuple[str, ...], tmp_path: Path
) -> None:
    files = sorted(photos.rglob("*.png"))
    random.Random(0).shuffle(files)
    for i in range(2):
        members = [
            member
            for n, file in enumerate(files[i::2])
            for member in ((f"{n:03d}.png", file.read_bytes()), (f"{n:03d}.txt", file.parent.name.encode()))
        ]
        shard(tmp_path / "조각" / f"{i:06d}.tar", members)
    assert striate("train", "조각/{000000..000001}.tar", *flags).code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("-spec-조각")
    run = open_run(folder)
    assert (run.recipe.data, run.classes) == (f"{tmp_path}/조각/{{000000..000001}}.tar", ("dog", "고양이"))
    before = striate("eval", folder).out
    shutil.rmtree(cache_folder())
    assert striate("eval", folder).out == before
    shutil.move(tmp_path / "조각", tmp_path / "moved")
    assert striate("eval", folder).err == (
        f"striate: {run.recipe.data}: the data set of the run is no longer there. "
        f"If it has moved, say where: {command('resume', folder, '--data')} DATA, or {command('eval', folder)} DATA\n"
    )
    assert striate("resume", folder, "--data", "moved").code == 0
    assert striate("eval", folder).out == before
