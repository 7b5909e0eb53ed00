from pathlib import Path

import pytest
import torch

from striate.errors import DataError
from striate.runs.folder.best import Best, load_best, save_best
from striate.runs.folder.checkpoint import Checkpoint, save_checkpoint


def test_the_best_is_the_first_of_the_least_losses_and_the_epochs_since_are_counted() -> None:
    best = Best()
    told = []
    for step, loss in enumerate((3.0, 2.0, 2.5, 2.0, 1.0, 1.5), 1):
        best = best.after(loss, step)
        told.append((best.loss, best.step, best.waited))
    assert told == [(3, 1, 0), (2, 2, 0), (2, 2, 1), (2, 2, 2), (1, 5, 0), (1, 5, 1)]


@pytest.mark.parametrize(
    ("patience", "waited", "over"), [(0, 9, False), (3, 2, False), (3, 3, True), (1, 1, True)]
)
def test_a_run_is_over_once_so_many_epochs_were_in_vain(patience: int, waited: int, over: bool) -> None:
    assert Best(1.0, 5, waited).is_over(patience) is over


def test_weights_stay_as_long_as_a_checkpoint_names_them(tmp_path: Path) -> None:
    weights = {"w": torch.zeros(2)}
    for step, best in ((2, 2), (4, 2), (6, 6)):
        if step == best:
            save_best(tmp_path, step, {"w": torch.full((2,), float(step))})
        state = {"step": step, "best": {"step": best}}
        save_checkpoint(tmp_path / "checkpoints", step, Checkpoint(model=weights, optimizer={}, state=state))
    # The checkpoints left are those of 4, whose best is that of 2, and of 6.
    assert [load_best(tmp_path, step)["w"].tolist() for step in (2, 6)] == [[2, 2], [6, 6]]
    for step in (8, 10):
        save_best(tmp_path, step, weights)
        state = {"step": step, "best": {"step": step}}
        save_checkpoint(tmp_path / "checkpoints", step, Checkpoint(model=weights, optimizer={}, state=state))
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == [
        f"{step:010d}" for step in (6, 8, 10)
    ]
    with pytest.raises(DataError) as raised:
        load_best(tmp_path, 2)
    assert str(raised.value) == (
        f"{tmp_path}: the best weights, of step 2, cannot be read. Restore {tmp_path / 'best'} from a copy."
    )


def test_damaged_best_weights_are_refused(tmp_path: Path) -> None:
    save_best(tmp_path, 2, {"w": torch.ones(2)})
    path = tmp_path / "best" / "0000000002" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"the best weights, of step 2, cannot be read"):
        load_best(tmp_path, 2)
