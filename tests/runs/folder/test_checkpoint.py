import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from striate.errors import DataError, StorageError
from striate.host import durable
from striate.runs.folder.checkpoint import (
    Checkpoint,
    checkpoint_states,
    drop_after,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
)


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(
        model={"weight": torch.full((3, 2), float(step)), "count": torch.tensor(step)},
        optimizer={"0.momentum_buffer": torch.full((3, 2), step / 2)},
        state={"step": step, "loss": 1 / 3},
    )


def same(left: Checkpoint, right: Checkpoint) -> bool:
    def equal(a: Any, b: Any) -> bool:
        return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)

    return (
        equal(left.model, right.model)
        and equal(left.optimizer, right.optimizer)
        and left.state == right.state
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where checkpoints 1 to 3 were saved."""
    folder = tmp_path / "run" / "checkpoints"
    folder.parent.mkdir()
    for step in (1, 2, 3):
        save_checkpoint(folder, step, checkpoint(step))
    return folder


def test_two_generations_are_kept_and_latest_names_the_newest(folder: Path) -> None:
    assert names(folder) == ["0000000002", "0000000003", "latest"]
    assert (folder / "latest").read_text() == "0000000003"
    assert names(folder / "0000000003") == [
        "manifest.json",
        "model.safetensors",
        "optimizer.safetensors",
        "state.json",
    ]


def test_what_is_no_way_back_pushes_out_nothing_that_is(folder: Path) -> None:
    for step in (5, 7, 8):
        save_checkpoint(folder, step, checkpoint(step), way_back=lambda state: state["step"] < 4)
        assert names(folder) == ["0000000002", "0000000003", f"{step:010d}", "latest"]


def test_only_a_checkpoint_that_counts_is_loaded_and_later_ones_can_be_dropped(folder: Path) -> None:
    found = load_checkpoint(folder, counts=lambda state: state["step"] < 3)
    assert found.checkpoint is not None
    assert found.checkpoint.state["step"] == 2
    assert [state["step"] for state in checkpoint_states(folder)] == [3, 2]
    drop_after(folder, 2)
    assert names(folder) == ["0000000002", "latest"]
    assert (folder / "latest").read_text() == "0000000002"


def test_what_was_saved_comes_back_bit_for_bit(folder: Path) -> None:
    found = load_checkpoint(folder)
    assert found.damaged == ()
    assert found.checkpoint is not None
    assert same(found.checkpoint, checkpoint(3))


def test_the_same_state_gives_the_same_bytes(tmp_path: Path) -> None:
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        save_checkpoint(tmp_path / run / "checkpoints", 1, checkpoint(1))
    first, second = (tmp_path / run / "checkpoints" / "0000000001" for run in ("a", "b"))
    assert [(first / n).read_bytes() for n in names(first)] == [
        (second / n).read_bytes() for n in names(second)
    ]


def test_weights_that_share_memory_are_saved_each_in_full(tmp_path: Path) -> None:
    weight = torch.arange(6.0).view(2, 3)
    shared = Checkpoint(model={"a": weight, "b": weight, "turned": weight.t()}, optimizer={}, state={})
    save_checkpoint(tmp_path / "checkpoints", 1, shared)
    found = load_checkpoint(tmp_path / "checkpoints").checkpoint
    assert found is not None
    assert same(found, shared)


def test_a_run_without_checkpoints_has_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "checkpoints").checkpoint is None


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


CHANGED = "{path}/{name}: changed since it was written (SHA-256 differs)."
DAMAGE: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a cut file": (cut, "model.safetensors", CHANGED),
    "a flipped bit": (flip, "optimizer.safetensors", CHANGED),
    "a changed state": (flip, "state.json", CHANGED),
    "a missing file": (
        Path.unlink,
        "state.json",
        "{path}: not whole (state.json: No such file or directory).",
    ),
    "no manifest": (
        Path.unlink,
        "manifest.json",
        "{path}: not whole (manifest.json: No such file or directory).",
    ),
    "a cut manifest": (
        cut,
        "manifest.json",
        "{path}: not whole (Unterminated string starting at: line 4 column 17 (char 204)).",
    ),
    "a manifest that is none": (
        lambda path: path.write_text("[]"),
        "manifest.json",
        "{path}/manifest.json: does not list model.safetensors, optimizer.safetensors, state.json.",
    ),
    "a manifest of another file": (
        lambda path: path.write_text(json.dumps({"../../recipe.toml": "0"})),
        "manifest.json",
        "{path}/manifest.json: does not list model.safetensors, optimizer.safetensors, state.json.",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_and_named(folder: Path, damage: str) -> None:
    harm, name, message = DAMAGE[damage]
    path = folder / "0000000003"
    harm(path / name)
    found = load_checkpoint(folder)
    assert found.checkpoint is not None
    assert same(found.checkpoint, checkpoint(2))
    assert found.damaged == (message.format(path=path, name=name),)


def test_a_file_that_is_what_the_manifest_says_but_no_tensors_is_damage_too(folder: Path) -> None:
    path = folder / "0000000003"
    files = {name: (path / name).read_bytes() for name in names(path) if name != "manifest.json"}
    durable.write_folder(path, files | {"model.safetensors": b"no tensors"})
    with pytest.raises(DataError, match=r"0000000003: not readable \(.*header.*\)\.$"):
        read_checkpoint(path)


def test_where_all_are_damaged_the_run_says_what_to_do(folder: Path) -> None:
    for step in ("0000000002", "0000000003"):
        cut(folder / step / "state.json")
    with pytest.raises(DataError) as raised:
        load_checkpoint(folder)
    run = folder.parent
    assert str(raised.value) == (
        f"{folder}: no whole checkpoint. "
        f"{folder}/0000000003/state.json: changed since it was written (SHA-256 differs). "
        f"{folder}/0000000002/state.json: changed since it was written (SHA-256 differs). "
        f"Restore one from a copy, or remove {folder} to begin again: striate resume {run}"
    )


def test_a_damaged_checkpoint_that_lies_ahead_goes_with_the_next_save(folder: Path) -> None:
    save_checkpoint(folder, 9, checkpoint(9))
    cut(folder / "0000000009" / "state.json")
    save_checkpoint(folder, 4, checkpoint(4))
    assert names(folder) == ["0000000003", "0000000004", "latest"]
    assert (folder / "latest").read_text() == "0000000004"


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(folder: Path) -> None:
    cut(folder / "0000000003" / "state.json")
    save_checkpoint(folder, 3, checkpoint(3))
    found = load_checkpoint(folder)
    assert found.damaged == ()
    assert names(folder) == ["0000000002", "0000000003", "latest"]


class Crash(BaseException):
    """The machine stops here: nothing that would tidy up runs."""


STEPS = ("mkdir", "fsync", "rename", "replace", "unlink", "rmdir", "open")


@contextmanager
def crash_at(call: int) -> Iterator[list[int]]:
    """Stop at the given call to the file system, counted from 0; yield the count of calls made."""
    made = [0]
    with pytest.MonkeyPatch.context() as patch:

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def step(*args: Any, **kwargs: Any) -> Any:
                if made[0] == call:
                    raise Crash
                made[0] += 1
                return real(*args, **kwargs)

            return step

        for name in STEPS:
            patch.setattr(os, name, counted(getattr(os, name)))
        yield made


def test_a_crash_at_any_step_of_a_save_leaves_a_whole_checkpoint(folder: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(folder, tmp_path / "whole")
    with crash_at(-1) as made:
        save_checkpoint(whole, 4, checkpoint(4))
    assert made[0] > 10
    steps_found = []
    for call in range(made[0]):
        copy = shutil.copytree(folder, tmp_path / f"crash {call}" / "checkpoints")
        with crash_at(call), pytest.raises(Crash):
            save_checkpoint(copy, 4, checkpoint(4))
        found = load_checkpoint(copy).checkpoint
        assert found is not None
        assert same(found, checkpoint(found.state["step"]))
        steps_found.append(found.state["step"])
        save_checkpoint(copy, 5, checkpoint(5))
        assert [n for n in names(copy) if n.endswith(".tmp")] == []
        assert (copy / "latest").read_text() == "0000000005"
    assert steps_found == sorted(steps_found)
    assert {3, 4} == set(steps_found)


def test_a_disk_without_room_is_refused_before_anything_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "SPARE_BYTES", 1 << 60)
    with pytest.raises(StorageError) as raised:
        save_checkpoint(folder, 4, checkpoint(4))
    assert str(raised.value) == (
        f"{folder}: cannot be written (No space left on device). Free some space, then go on from the checkpoint "
        f"before, which is whole: striate resume {folder.parent}"
    )
    assert names(folder) == ["0000000002", "0000000003", "latest"]


def test_a_disk_that_forgets_what_was_written_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"")
    with pytest.raises(StorageError) as raised:
        save_checkpoint(folder, 4, checkpoint(4))
    assert str(raised.value) == (
        f"{folder}: cannot be written (read back differently from what was written). When it can be written again, "
        f"go on from the checkpoint before, which is whole: striate resume {folder.parent}"
    )
    assert names(folder) == ["0000000002", "0000000003", "latest"]
