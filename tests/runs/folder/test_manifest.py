import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stores import same

from striate.data.split import stratified_split
from striate.data.store.store import Bad, Store, fill, ids_of
from striate.errors import DataError
from striate.pictures.preprocess import Preprocess
from striate.progress import Silent
from striate.runs.folder.manifest import (
    Listed,
    Manifest,
    listed_pictures,
    load_manifest,
    manifest_of,
    refuse_changed,
)
from striate.sources.folders.folder import open_folder
from striate.sources.names import Names
from striate.sources.source import Source

PREPROCESS = Preprocess(size=(4, 4), channels=1, mean=(), std=())


def listed(*names: str) -> Listed:
    return Listed(Names(names), np.arange(16 * len(names), dtype=np.uint8).reshape(-1, 16))


def folder(root: Path) -> Source:
    for label in ("강아지", "cat"):
        (root / label).mkdir()
        for i in range(10):
            Image.new("L", (4, 4), 20 * i).save(root / label / f"{i}.png")
    return open_folder(root)


def stores_of(source: Source) -> dict[str, Store]:
    pictures = source.splits["all"]
    ids = ids_of(tuple(pictures.name(i) for i in range(len(pictures))))
    parts = stratified_split(pictures, ids, task="classification", seed=0)
    return {name: fill(part, PREPROCESS, threads=1, progress=Silent()) for name, part in parts.items()}


def again(source: Source, manifest: Manifest, split: str) -> Store:
    return fill(listed_pictures(source, manifest, split), PREPROCESS, threads=1, progress=Silent())


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = Manifest(
        root="/data/사진",
        format="class folders",
        splits={"train": listed("고양이/1.png", "b/\udcb0.png"), "val": listed()},
        counts={"train": {"고양이": 1, "b": 1}, "val": {"고양이": 0, "b": 0}},
        quarantined=(Bad("b/2.png", "the file is empty"),),
        notes=("class 'c' has no pictures to learn from",),
    )
    manifest.save(tmp_path / "data.json")
    assert load_manifest(tmp_path / "data.json") == manifest
    assert list(json.loads((tmp_path / "data.json").read_bytes())) == [
        *("root", "format", "counts", "quarantined", "notes", "audit", "splits"),
    ]


def test_a_manifest_says_what_was_read_and_what_was_not(tmp_path: Path) -> None:
    source = folder(tmp_path)
    (tmp_path / "cat" / "3.png").write_bytes(b"")
    stores = stores_of(source)
    manifest = manifest_of(source, stores)
    assert manifest.root == str(tmp_path)
    assert manifest.quarantined == (Bad("cat/3.png", "the file is empty"),)
    assert sum(sum(counts.values()) for counts in manifest.counts.values()) == 19
    assert manifest.counts["test"] == {"cat": 1, "강아지": 1}
    assert {name: list(split.names) for name, split in manifest.splits.items()} == {
        name: list(store.names) for name, store in stores.items()
    }


def test_the_pictures_of_a_run_are_found_again_in_their_order(tmp_path: Path) -> None:
    source = folder(tmp_path)
    stores = stores_of(source)
    manifest = manifest_of(source, stores)
    Image.new("L", (4, 4)).save(tmp_path / "cat" / "new.png")
    for split, store in stores.items():
        found = again(open_folder(tmp_path), manifest, split)
        assert same(found, store)
        refuse_changed(manifest, split, found)


def test_a_split_without_pictures_is_found_empty(tmp_path: Path) -> None:
    source = folder(tmp_path)
    manifest = Manifest("", "", {"val": listed()}, {})
    assert len(listed_pictures(source, manifest, "val")) == 0


def test_a_changed_picture_is_named(tmp_path: Path) -> None:
    source = folder(tmp_path)
    manifest = manifest_of(source, stores_of(source))
    changed = [name for name in manifest.splits["train"].names if name.startswith("cat/")][:2]
    for name in changed:
        Image.new("L", (4, 4), 255).save(tmp_path / name)
    with pytest.raises(DataError) as caught:
        refuse_changed(manifest, "train", again(source, manifest, "train"))
    assert str(caught.value) == (
        f"{tmp_path}: 2 of the 16 train pictures have changed since the run began, "
        f"the first of them {changed[0]}. Put them back; a run goes on only with the same pictures."
    )


def test_a_picture_that_can_no_longer_be_read_has_changed(tmp_path: Path) -> None:
    source = folder(tmp_path)
    manifest = manifest_of(source, stores_of(source))
    name = next(iter(manifest.splits["test"].names))
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError) as caught:
        refuse_changed(manifest, "test", again(source, manifest, "test"))
    assert str(caught.value) == (
        f"{tmp_path}: 1 of the 2 test pictures have changed since the run began, "
        f"the first of them {name}. Put them back; a run goes on only with the same pictures."
    )


def test_a_lost_picture_is_named(tmp_path: Path) -> None:
    source = folder(tmp_path)
    manifest = manifest_of(source, stores_of(source))
    lost = next(iter(manifest.splits["train"].names))
    (tmp_path / lost).unlink()
    with pytest.raises(DataError) as caught:
        listed_pictures(open_folder(tmp_path), manifest, "train")
    assert str(caught.value) == (
        f"{tmp_path}: 1 of the 16 train pictures of the run are gone, the first of them {lost}. "
        "Put them back; a run goes on only with the same pictures."
    )


def test_another_data_set_in_the_place_of_the_runs_is_refused(tmp_path: Path) -> None:
    source = folder(tmp_path)
    manifest = Manifest("", "", {"train": listed("x/1.png")}, {})
    with pytest.raises(DataError) as caught:
        listed_pictures(source, manifest, "train")
    assert str(caught.value) == (
        f"{tmp_path}: none of the train pictures of the run are there. Is it the same data set?"
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "FileNotFoundError(2, 'No such file or directory')"),
        (
            b"{",
            "JSONDecodeError('Expecting property name enclosed in double quotes: line 1 column 2 (char 1)')",
        ),
        (b"{}", "KeyError('quarantined')"),
        (b"[]", "TypeError('list indices must be integers or slices, not str')"),
        (b"\xff", "UnicodeDecodeError('utf-8', b'\\xff', 0, 1, 'invalid start byte')"),
    ],
)
def test_a_missing_or_broken_manifest_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "data.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_manifest(path)
    assert str(caught.value) == f"{path}: not readable ({why}). Restore it from a copy of the run."


def test_counts_are_of_every_class_though_it_has_no_pictures(tmp_path: Path) -> None:
    source = folder(tmp_path)
    one = source.splits["all"].subset(np.array([0]))
    store = fill(one, PREPROCESS, threads=1, progress=Silent())
    assert manifest_of(source, {"train": store}).counts == {"train": {"cat": 1, "강아지": 0}}
