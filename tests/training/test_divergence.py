"""Numbers that are not finite: caught in that step, never on disk, and gone back from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from jobs import Heard, job, linear, lines
from safetensors.torch import load_file
from torch import Tensor, nn

from striate.errors import DataError, DivergedError
from striate.learning.schedule import Plateau
from striate.runs.folder.best import Best
from striate.runs.folder.checkpoint import Checkpoint
from striate.runs.folder.recovery import Recovery, Rollback, Split, load_recovery
from striate.training.loop import Job, fit
from striate.training.position import Position
from striate.training.step import Outcome


class Loud(nn.Module):
    """Two linear layers whose gradients are large, since they are surely wrong at first."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(16, 4), nn.Linear(4, 2)
        nn.init.constant_(self.first.weight, 1.0)
        nn.init.constant_(self.second.weight, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.second(self.first(10 * x.flatten(1)))
        return logits * torch.tensor([1.0, -1.0])


def assert_all_finite_on_disk(folder: Path) -> None:
    for path in folder.rglob("*.safetensors"):
        assert all(tensor.isfinite().all() for tensor in load_file(path).values())
    for path in folder.rglob("*.json*"):
        assert "NaN" not in path.read_text()
        assert "Infinity" not in path.read_text()


class Poison(torch.autograd.Function):
    """Passes its input on, and turns the gradient of the step asked for into NaN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bad: bool) -> Tensor:
        ctx.bad = bad
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return (grad * float("nan") if ctx.bad else grad), None


class Injected(nn.Module):
    """A linear network in whose `step`-th batch something is put out of order, once or each time."""

    def __init__(self, where: str, *, step: int, always: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(16, 2)
        self.where, self.bad_step, self.always = where, step, always
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        if not self.training:
            return self.linear(x)
        self.calls += 1
        bad = self.calls == self.bad_step
        if bad and self.where == "loss":
            x = x / 0
        y: Tensor = self.linear(x)
        if self.where == "gradient":
            y = Poison.apply(y, bad)
        if bad and self.where == "weights":
            # After the forward pass, so that neither the loss nor the gradient of this step knows of it.
            y.register_hook(self._spoil)
        return y

    def _spoil(self, grad: Tensor) -> None:
        self.linear.bias.data.fill_(float("nan"))


def fails(model: nn.Module, work: Job) -> str:
    """Return the text with which a run stops."""
    with pytest.raises(DivergedError) as raised:
        fit(model, work)
    assert_all_finite_on_disk(work.folder)
    return str(raised.value)


REASONS = {
    "loss": "the loss became nan",
    "gradient": "the gradient became nan",
    "weights": "the weights became nan",
}


@pytest.mark.parametrize("where", REASONS)
def test_what_is_not_finite_is_caught_in_that_step_and_gone_back_from(tmp_path: Path, where: str) -> None:
    heard = Heard()
    fit(Injected(where, step=7), job(tmp_path, progress=heard))
    assert_all_finite_on_disk(tmp_path)
    assert lines(tmp_path, "rollback") == [
        {"kind": "rollback", "step": 7, "to": 4, "reason": REASONS[where], "lr": 0.025}
    ]
    assert f"{REASONS[where]} at step 7: back to step 4 with a peak rate of 0.025" in heard.lines
    rates = {line["step"]: line["lr"] for line in lines(tmp_path, "step")}
    assert rates == {step: 0.1 if step <= 4 else 0.025 for step in range(1, 13)}
    assert [line["epoch"] for line in lines(tmp_path, "epoch")] == [1, 2, 3]
    assert lines(tmp_path, "result")[0]["accuracy"] == 1


@pytest.mark.parametrize("where", REASONS)
def test_where_asked_a_run_stops_instead_and_resume_goes_on_lower(tmp_path: Path, where: str) -> None:
    work = job(tmp_path, on_divergence="stop")
    assert fails(Injected(where, step=7), work) == (
        f"{REASONS[where]} at step 7 of 12; nothing of it was saved. "
        f"Go on from step 4 with a peak rate of 0.025: striate resume {tmp_path}"
    )
    fit(Injected("", step=0), work)
    assert lines(tmp_path, "rollback")[0]["step"] == 7
    assert lines(tmp_path, "step")[-1]["lr"] == 0.025


def test_a_run_that_goes_back_is_the_same_as_one_that_is_stopped_there_and_resumed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    changes: dict[str, Any] = {"momentum": 0.9, "ema": 0.9, "checkpoint_every": 3, "optimizer": "nesterov"}
    one, other = Injected("gradient", step=8), Injected("", step=0)
    fit(one, job(tmp_path / "a", **changes))
    fails(Injected("gradient", step=8), job(tmp_path / "b", **changes, on_divergence="stop"))
    fit(other, job(tmp_path / "b", **changes))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    records = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("a", "b")]
    a, b = ([{**json.loads(line), "seconds": 0} for line in record] for record in records)
    assert a == b
    assert [line["to"] for line in lines(tmp_path / "a", "rollback")] == [6]


def test_input_that_is_not_finite_is_named_and_no_lower_rate_is_tried(tmp_path: Path) -> None:
    work = job(tmp_path)
    broken = replace(work, train=replace(work.train, preprocess=replace(work.train.preprocess, std=(0.0,))))
    assert fails(linear(), broken) == (
        "the batch holds numbers that are not finite at step 1 of 12; nothing of it was saved. "
        f"No rate helps against that: mend the data, then go on with: striate resume {tmp_path}"
    )
    assert load_recovery(tmp_path) == Recovery()
    fit(linear(), work)


class Spoiled(Injected):
    """A network that is spoiled in its third step and shows it in its sixth, also from the checkpoint between."""

    def __init__(self) -> None:
        super().__init__("", step=0)
        self.register_buffer("spoiled", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if self.calls == 3:
            self.spoiled.fill_(1)
        return y / 0 if self.calls >= 6 and self.spoiled else y


def test_where_a_lower_rate_is_no_help_the_run_goes_back_further(tmp_path: Path) -> None:
    fit(Spoiled(), job(tmp_path))
    assert [(line["step"], line["to"]) for line in lines(tmp_path, "rollback")] == [(6, 4), (5, 0)]
    assert [line["step"] for line in lines(tmp_path, "step")] == list(range(1, 13))


class Fragile(Loud):
    """A network that no longer answers once its weights have moved."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / (self.first.weight - 1).abs().sum().lt(0.001)


@pytest.mark.parametrize(
    ("lr", "low", "advice"),
    [
        (1e10, "3.91e+07", "leave --lr out, so that one is chosen"),
        (200.0, "0.781", "such as --lr 0.08"),
    ],
)
def test_a_run_that_goes_on_diverging_is_given_up_and_stays_so(
    tmp_path: Path, lr: float, low: str, advice: str
) -> None:
    text = (
        "the loss became nan at step 2 of 12, as at higher rates before; nothing of it was saved. After 4 rollbacks "
        f"the peak rate was {low}. Train again with a lower one: {advice}. The run until then: {tmp_path}"
    )
    work = job(tmp_path, lr=lr)
    assert fails(Fragile(), work) == text
    before = (tmp_path / "metrics.jsonl").read_bytes()
    assert fails(Fragile(), work) == text
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_an_evaluation_that_is_not_finite_is_gone_back_from(tmp_path: Path) -> None:
    class Unseen(Injected):
        def forward(self, x: Tensor) -> Tensor:
            self.calls += not self.training
            y = super().forward(x)
            return y / 0 if not self.training and self.calls == 5 else y

    fit(Unseen("", step=0), job(tmp_path, epochs=1))
    assert lines(tmp_path, "rollback")[0]["reason"] == "the test loss became nan"


@pytest.mark.parametrize("part", ["model", "optimizer", "average"])
def test_a_checkpoint_knows_whether_all_of_it_is_finite(part: str) -> None:
    good = {"weight": torch.ones(2), "count": torch.tensor(3)}
    tensors: dict[str, Any] = {"model": good, "optimizer": good, "average": good}
    assert Checkpoint(**tensors, state={}).is_finite
    for value in (float("nan"), float("inf"), -float("inf")):
        bad = good | {"weight": torch.tensor([1.0, value])}
        assert not Checkpoint(**tensors | {part: bad}, state={}).is_finite


def test_what_recovery_says_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    assert load_recovery(tmp_path) == Recovery()
    recovery = Recovery((Rollback(7, 4, "한국어"),), (Split(3, 8), Split(9, 4)), "so")
    recovery.save(tmp_path)
    assert load_recovery(tmp_path) == recovery
    assert [recovery.at_once(step, most=16) for step in (1, 3, 8, 9)] == [16, 8, 8, 4]
    (tmp_path / "recovery.json").write_text('{"rollbacks": [')
    with pytest.raises(DataError) as raised:
        load_recovery(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path}/recovery.json: cannot be read (Expecting value: line 1 column 16 (char 15)). "
        "Restore it from a copy."
    )


def test_a_checkpoint_counts_until_the_run_goes_back_behind_it() -> None:
    recovery = Recovery((Rollback(13, 10, ""), Rollback(14, 5, "")))
    alive = [
        (step, rollbacks)
        for step in (0, 5, 6, 10)
        for rollbacks in (0, 1, 2)
        if recovery.counts({"step": step, "rollbacks": rollbacks})
    ]
    assert alive == [(0, 0), (0, 1), (0, 2), (5, 0), (5, 1), (5, 2), (6, 2), (10, 2)]
    assert recovery.counts({"step": 5})


def test_the_newest_checkpoint_is_gone_back_to_unless_the_run_has_just_come_from_it() -> None:
    assert Recovery().target([10, 5]) == 10
    assert Recovery((Rollback(12, 10, ""),)).target([10, 5]) == 5
    assert Recovery((Rollback(12, 10, ""),)).target([15, 10]) == 15
    assert Recovery((Rollback(12, 0, ""),)).target([0]) == 0
    assert Recovery().target([]) == 0


class Astray(Injected):
    """A network whose weights are of no use from its sixth step on, and whose loss is no number from its tenth."""

    def __init__(self) -> None:
        super().__init__("", step=0)
        self.register_buffer("astray", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if self.calls == 6:
            self.astray.fill_(1)
        wrong = 1e6 if self.calls < 10 else float("inf")
        return y * 0 + torch.tensor([wrong, -wrong]) if self.astray else y


def test_checkpoints_of_a_run_that_goes_astray_are_not_gone_back_to(tmp_path: Path) -> None:
    """All later ones are as large a loss, though finite; the last before them is kept for as long as it takes."""
    with pytest.raises(DivergedError):
        fit(Astray(), job(tmp_path, checkpoint_every=1, on_divergence="stop"))
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir() if path.is_dir())
    assert kept == ["0000000004", "0000000005", "0000000009"]
    assert load_recovery(tmp_path).rollbacks == (Rollback(10, 5, "the loss became nan"),)


def test_a_position_is_astray_where_the_loss_has_grown_tenfold() -> None:
    first = Position().after(Outcome(2.0, 1), 4)
    assert (first.first, first.last, first.is_astray) == (2.0, 2.0, False)
    assert not first.after(Outcome(20.0, 1), 4).is_astray
    assert first.after(Outcome(20.1, 1), 4).is_astray
    # A loss that begins near zero, as of a network trained before, may well grow to one.
    assert not Position().after(Outcome(0.01, 1), 4).after(Outcome(9.9, 1), 4).is_astray
    best, plateau = Best(0.5, 1), Plateau(0.5)
    assert first.after_epoch(best, plateau) == replace(
        first, loss=0.0, right=0, seen=0, best=best, plateau=plateau
    )
