"""The ledger: unchanged pictures are not decoded twice, and a damaged file is as if there were none."""

import os
from pathlib import Path

import numpy as np
import pytest
from messy import make_messy

from striate.data.store.ledger import Ledger, inspect, ledger_path, open_ledgers, save_ledgers
from striate.pictures.facts import BAD, SEEN
from striate.progress import Silent
from striate.sources.opening import open_source


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_messy(tmp_path_factory.mktemp("messy"))


def ledgers_of(root: Path, path: Path | None = None, *, threads: int = 2) -> dict[str, Ledger]:
    source = open_source(root)
    ledgers = open_ledgers(source.splits, path)
    for split, ledger in ledgers.items():
        inspect(source.splits[split], ledger, threads=threads, progress=Silent())
    return ledgers


def test_it_is_kept_and_recalled_whole(root: Path, tmp_path: Path) -> None:
    path = ledger_path(tmp_path, str(root))
    first = ledgers_of(root)
    save_ledgers(first.values(), path)
    again = open_ledgers(open_source(root).splits, path)
    for split, ledger in first.items():
        assert again[split].facts.tobytes() == ledger.facts.tobytes()
        assert again[split].reasons == ledger.reasons
        assert not len(again[split].missing)


def test_reasons_are_those_of_the_decoder(root: Path) -> None:
    train = ledgers_of(root)["train"]
    assert sorted(train.reasons.values()) == ["not a picture of a known format", "the file is empty"]
    assert (train.facts["flags"][list(train.reasons)] == SEEN | BAD).all()
    assert len(train.readable) == len(train) - 2


def test_threads_do_not_change_it(root: Path) -> None:
    one, many = ledgers_of(root, threads=1), ledgers_of(root, threads=4)
    assert all(one[split].facts.tobytes() == many[split].facts.tobytes() for split in one)


def test_only_changed_and_new_pictures_are_missing(tmp_path: Path) -> None:
    root = make_messy(tmp_path / "messy")
    save_ledgers(ledgers_of(root).values(), tmp_path / "ledger.npz")
    changed, new = root / "train" / "dog" / "1.png", root / "train" / "dog" / "new.png"
    new.write_bytes(changed.read_bytes())
    os.utime(changed, ns=(1, 1))
    source = open_source(root)
    again = open_ledgers(source.splits, tmp_path / "ledger.npz")
    missing = [source.splits["train"].name(i) for i in again["train"].missing]
    assert missing == ["train/dog/1.png", "train/dog/new.png"]
    assert not len(again["test"].missing)


def test_a_file_that_could_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    root = make_messy(tmp_path / "messy")
    (root / "train" / "dog" / "dead.png").symlink_to("nowhere")
    first = ledgers_of(root)
    assert "No such file or directory" in first["train"].reasons.values()
    save_ledgers(first.values(), tmp_path / "ledger.npz")
    again = open_ledgers(open_source(root).splits, tmp_path / "ledger.npz")["train"]
    assert len(again.missing) == 1


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "flipped", "other form", "objects"])
def test_a_damaged_file_is_as_if_there_were_none(root: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "ledger.npz"
    save_ledgers(ledgers_of(root).values(), path)
    content = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "objects":
        np.savez(path, facts=np.array([{}], object), text=np.zeros(1, np.uint8))
    elif damage == "other form":
        path.write_bytes(bytes(content).replace(b'"form": "3 ', b'"form": "0 '))
    else:
        content[len(content) // 2] ^= 255
        path.write_bytes({"empty": b"", "cut": content[:-300], "flipped": content}[damage])
    ledgers = open_ledgers(open_source(root).splits, path)
    assert all(len(ledger.missing) == len(ledger) for ledger in ledgers.values())


def test_a_subset_keeps_the_reasons_of_its_pictures(root: Path) -> None:
    train = ledgers_of(root)["train"]
    bad = sorted(train.reasons)[1]
    part = train.subset(np.array([0, bad, 3]))
    assert part.reasons == {1: train.reasons[bad]}
    assert part.facts.tobytes() == train.facts[[0, bad, 3]].tobytes()
