import os
import sys
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import UsageError
from striate.runs.folder.record import EVENTS, Record, read_record

ASKED = striate.Settings(
    net="conv3-4 relu gap fc-classes", size=8, epochs=3, batch=8, augment="none", tensorboard=True
)


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the scalars TensorBoard reads from a folder."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder / EVENTS))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def wanted(folder: Path) -> list[tuple[int, Any]]:
    return [
        (line["step"], pytest.approx(line["loss"]))
        for line in read_record(folder / "metrics.jsonl")
        if line["kind"] == "step"
    ]


def test_tensorboard_reads_what_the_record_has(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = striate.train(photos, settings=ASKED, out=tmp_path / "run")
    found = curves(run.folder)
    assert found["loss/step"] == wanted(run.folder)
    assert [step for step, _ in found["accuracy/val"]] == [4, 8, 12]
    assert found.keys() >= {"loss/train", "loss/val", "accuracy/train", "lr", "seconds", "result/accuracy"}


def test_a_resumed_run_has_every_step_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / EVENTS).mkdir()
    path = tmp_path / "metrics.jsonl"
    with Record(path) as record:
        for step in (1, 2):
            record.write("step", {"step": step, "loss": step / 2})
        kept = record.length
        record.write("step", {"step": 3, "loss": 9.0})
    with Record(path, length=kept) as record:
        record.write("step", {"step": 3, "loss": 1.5})
        record.write("result", {"split": "test", "accuracy": 0.5})
    assert curves(tmp_path) == {"loss/step": [(1, 0.5), (2, 1.0), (3, 1.5)], "result/accuracy": [(3, 0.5)]}
    assert len(os.listdir(tmp_path / EVENTS)) == 1


def test_without_the_extra_it_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tensorboard", "tensorboard.compat.proto.event_pb2"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "striate.runs.folder.events", raising=False)
    with pytest.raises(UsageError) as caught:
        striate.train(tmp_path / "nowhere", settings=ASKED)
    assert str(caught.value) == (
        "TensorBoard's files cannot be written: tensorboard is not installed. "
        "Install it: pip install 'striate[tensorboard]'"
    )


def test_a_run_that_did_not_ask_has_no_event_files(finished: Path) -> None:
    assert not (finished / EVENTS).exists()
