import os
import signal
from pathlib import Path

import pytest

from striate.errors import StorageError, UsageError
from striate.runs.folder.lock import only_writer
from striate.training.stop import StopSignal


def test_a_second_writer_is_refused_while_the_first_is_at_work(tmp_path: Path) -> None:
    with only_writer(tmp_path):
        with pytest.raises(UsageError) as raised, only_writer(tmp_path):
            pass
        assert (
            str(raised.value) == f"{tmp_path}: another process is writing this run. Wait for it or stop it."
        )
    with only_writer(tmp_path):
        pass


def test_a_folder_that_cannot_be_locked_is_told(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(StorageError) as raised, only_writer(tmp_path):
        pass
    assert str(raised.value) == (
        f"{tmp_path}: cannot be written (Is a directory). When it can be written again, run: striate resume {tmp_path}"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_of_either_kind_stops_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopSignal() as stop:
        assert not stop.asked
        os.kill(os.getpid(), number)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(number) is before
