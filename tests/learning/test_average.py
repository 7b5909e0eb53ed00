"""The average of the weights: its numbers, where it is used, and that it comes through a kill."""

from pathlib import Path
from typing import Any

import pytest
import torch
from jobs import job, linear, lines
from torch import Tensor, nn

from striate.learning.average import Average
from striate.runs.folder.checkpoint import load_checkpoint
from striate.tasks.scoring import evaluate
from striate.training.loop import fit


def normed() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))


def test_the_average_is_the_sum_on_paper() -> None:
    model = nn.Linear(1, 1, bias=False)
    values = [0.0, 3.0, -5.0, 7.0]
    model.weight.data.fill_(values[0])
    average, expected = Average(model, decay=0.15), values[0]
    for step, value in enumerate(values[1:]):
        model.weight.data.fill_(value)
        average.update(step)
        decay = min(0.15, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert average.tensors()["weight"].item() == pytest.approx(expected, rel=1e-6)


def test_statistics_of_norms_are_averaged_and_counts_copied() -> None:
    model = normed()
    average = Average(model, decay=0.999)
    seen = [model[1].running_mean.clone()]
    for step in range(3):
        model(torch.randn(8, 1, 4, 4))
        average.update(step)
        seen.append(model[1].running_mean.clone())
    kept = average.tensors()
    assert kept["1.num_batches_tracked"] == 3
    expected = seen[0]
    for decay, mean in zip((1 / 10, 2 / 11, 3 / 12), seen[1:], strict=True):
        expected = decay * expected + (1 - decay) * mean
    assert torch.allclose(kept["1.running_mean"], expected, atol=1e-6)


def test_the_average_is_in_place_only_while_asked_for() -> None:
    model = normed()
    average = Average(model, decay=0.9)
    model(torch.randn(8, 1, 4, 4))
    model[4].weight.data.add_(1)
    average.update(50)
    live = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def has(tensors: Any) -> bool:
        return all(torch.equal(tensor, tensors[name]) for name, tensor in model.state_dict().items())

    def dies() -> None:
        with average.in_place():
            assert has(average.tensors())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dies()
    assert has(live)
    assert not has(average.tensors())


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_a_run_is_scored_and_left_with_the_average_and_learns_with_its_own_weights(
    tmp_path: Path, layout: str
) -> None:
    changes: dict[str, Any] = {"momentum": 0.9, "epochs": 4, "layout": layout}
    for name in ("plain", "averaged"):
        (tmp_path / name).mkdir()
    plain, averaged = normed(), normed()
    work = job(tmp_path / "averaged", **changes, ema=0.99)
    fit(plain, job(tmp_path / "plain", **changes))
    fit(averaged, work)
    last = load_checkpoint(tmp_path / "averaged" / "checkpoints").checkpoint
    assert last is not None
    assert last.average is not None
    # The weights that learn go as they would without an average.
    assert all(torch.equal(tensor, last.model[name]) for name, tensor in plain.state_dict().items())
    assert all(torch.equal(tensor, last.average[name]) for name, tensor in averaged.state_dict().items())
    assert not torch.equal(plain[0].weight, averaged[0].weight)
    assert work.final is not None
    scores = evaluate(averaged, work.final[1].evaluation(), work.task)
    assert lines(tmp_path / "averaged", "result")[0]["loss"] == scores.loss
    losses = [[line["loss"] for line in lines(tmp_path / name, "step")] for name in ("plain", "averaged")]
    assert losses[0] == losses[1]
    assert (
        lines(tmp_path / "plain", "epoch")[0]["test_loss"]
        != lines(tmp_path / "averaged", "epoch")[0]["test_loss"]
    )


def test_a_run_with_an_average_resumes_to_the_same_bits(tmp_path: Path) -> None:
    class Dies(nn.Module):
        def __init__(self, at: int) -> None:
            super().__init__()
            self.body, self.at, self.calls = normed(), at, 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += self.training
            if self.calls == self.at:
                raise KeyboardInterrupt
            y: Tensor = self.body(x)
            return y

    changes: dict[str, Any] = {"momentum": 0.9, "ema": 0.999, "checkpoint_every": 3}
    (tmp_path / "whole").mkdir()
    whole = Dies(0)
    fit(whole, job(tmp_path / "whole", **changes))
    for at in range(1, 13):
        run = tmp_path / str(at)
        run.mkdir()
        with pytest.raises(KeyboardInterrupt):
            fit(Dies(at), job(run, **changes))
        resumed = Dies(0)
        fit(resumed, job(run, **changes))
        for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
            assert torch.equal(a, b)


def test_an_average_of_another_network_is_refused() -> None:
    average = Average(normed(), decay=0.9)
    with pytest.raises(ValueError, match=r"^the average is of another network$"):
        average.restore(Average(linear(), decay=0.9).tensors())
