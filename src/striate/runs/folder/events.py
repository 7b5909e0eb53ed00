"""tensorboard/: TensorBoard's event files, made of the lines of metrics.jsonl. Needs the tensorboard package."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

SPLITS = ("train", "val", "test")


class Events:
    """The event file of a run: written anew from the lines recorded so far, then continued with each new line.

    A resumed run cuts metrics.jsonl back to its last checkpoint. Writing the event file anew does the same to it, so
    that it has every step once.
    """

    def __init__(self, folder: Path, lines: Sequence[Mapping[str, Any]]) -> None:
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._step = 0
        self._writer = EventFileWriter(str(folder))
        # At a session's start a TensorBoard that is open drops what it has read of the deleted file.
        self._writer.add_event(
            Event(wall_time=time.time(), step=0, session_log=SessionLog(status=SessionLog.START))
        )
        for line in lines:
            self.write(line["kind"], line)

    def write(self, kind: str, values: Mapping[str, Any]) -> None:
        """Add the numbers of a line at its step."""
        self._step = int(values.get("step", self._step))
        numbers = {
            tag: float(value)
            for name, value in values.items()
            if isinstance(value, int | float) and (tag := tag_of(kind, name))
        }
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=n) for tag, n in numbers.items()])
        self._writer.add_event(Event(wall_time=time.time(), step=self._step, summary=summary))
        if kind != "step":
            self._writer.flush()

    def close(self) -> None:
        """Write what is left and close the file."""
        self._writer.close()


def tag_of(kind: str, name: str) -> str:
    """Return what TensorBoard calls a number: 'loss/train', 'result/accuracy'; empty for one that is left out."""
    if name in ("epoch", "step", "images", "kind"):
        return ""
    if kind == "result":
        return f"result/{name}"
    if kind == "step":
        return f"{name}/step" if name == "loss" else name
    split, _, what = name.partition("_")
    return f"{what}/{split}" if what and split in SPLITS else name
