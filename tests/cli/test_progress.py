import io
import time

import pytest
from rich.console import Console

from striate.cli.progress import TerminalProgress


def test_nothing_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = TerminalProgress()
    progress.begin("reading train", 10)
    progress.advance(5)
    progress.say("left out [red]a[/red] :dog: 고양이.png")
    progress.end()
    assert capsys.readouterr() == ("", "left out [red]a[/red] :dog: 고양이.png\n")


def test_a_terminal_shows_phase_rate_time_left_and_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()

    def console(**options: object) -> Console:
        return Console(file=screen, force_terminal=True, width=120, highlight=False)

    monkeypatch.setattr("striate.cli.progress.Console", console)
    progress = TerminalProgress()
    progress.begin("epoch 1/2", 100)
    progress.advance(50, loss=0.5, accuracy=0.75)
    time.sleep(0.3)  # it is drawn ten times a second
    progress.end()
    shown = screen.getvalue()
    assert "epoch 1/2" in shown
    assert "50/100" in shown
    assert "loss 0.500  accuracy 75.0%" in shown


def test_a_phase_may_have_another_score(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()

    def console(**options: object) -> Console:
        return Console(file=screen, force_terminal=True, width=120, highlight=False)

    monkeypatch.setattr("striate.cli.progress.Console", console)
    progress = TerminalProgress()
    progress.begin("epoch 1/2", 100, score="R2 {:.3f}")
    progress.advance(50, loss=0.5, accuracy=-0.25)
    time.sleep(0.3)
    progress.end()
    assert "loss 0.500  R2 -0.250" in screen.getvalue()
