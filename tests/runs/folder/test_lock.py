import os
import signal
from pathlib import Path
from typing import Any

import pytest

from striate.errors import StorageError, UsageError
from striate.runs.folder.lock import only_writer
from striate.training.stop import SIGNALS, StopSignal


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


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_the_second_of_either_kind_stops_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    stop = StopSignal()

    def press() -> None:
        assert not stop.asked
        os.kill(os.getpid(), number)
        assert stop.asked
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the second one has stopped nothing")

    with pytest.raises(KeyboardInterrupt), stop:
        press()
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_nobody_reads_is_raised_at_the_end(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), StopSignal():
        os.kill(os.getpid(), number)


def press_once(monkeypatch: pytest.MonkeyPatch, *, after: str) -> None:
    """Press Ctrl-C the first time that its handler was set: to the stop's own, or back to the usual one."""
    change, pressed = signal.signal, list[int]()

    def changing(number: int, handler: Any) -> Any:
        before = change(number, handler)
        usual = handler is signal.default_int_handler
        if number == signal.SIGINT and usual == (after == "restored") and not pressed:
            pressed.append(number)
            os.kill(os.getpid(), signal.SIGINT)
        return before

    monkeypatch.setattr(signal, "signal", changing)


@pytest.mark.parametrize("after", ["installed", "restored"])
def test_ctrl_c_between_the_two_handlers_leaves_both_as_they_were(
    after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    press_once(monkeypatch, after=after)
    with pytest.raises(KeyboardInterrupt), StopSignal():
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == before
