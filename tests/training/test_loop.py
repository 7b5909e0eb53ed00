import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from jobs import PREPROCESS, job, linear, lines, store
from torch import Tensor, nn

from striate.data.augment.augment import Augment
from striate.data.augment.mix import Mix
from striate.data.loader import Loader
from striate.errors import DivergedError, Interrupted
from striate.learning.optim import OPTIMIZERS
from striate.runs.folder.checkpoint import load_checkpoint, save_checkpoint
from striate.tasks.classification import Classification
from striate.tasks.task import AUXILIARY_WEIGHT
from striate.training.loop import fit


class Perceptron:
    """Rosenblatt's rule: where the answer is wrong, the right row learns the picture and the wrong one unlearns it."""

    def __init__(self, model: nn.Module) -> None:
        assert isinstance(model, nn.Sequential)
        self.layer = model[1]
        self.calls: list[tuple[float, float]] = []

    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        self.calls.append((lr, progress))
        with torch.no_grad():
            x = images.flatten(1)
            answers = self.layer(x).argmax(1)
            for picture, label, answer in zip(x, labels, answers, strict=True):
                if label != answer:
                    self.layer.weight[label] += lr * picture
                    self.layer.weight[answer] -= lr * picture
        return (answers != labels).float().mean()


def test_a_network_learns_by_its_own_rule(tmp_path: Path) -> None:
    made: list[Perceptron] = []

    def rule(model: nn.Module) -> Perceptron:
        made.append(Perceptron(model))
        return made[0]

    model = linear()
    fit(model, job(tmp_path, rule=rule))
    assert lines(tmp_path, "result")[0]["accuracy"] == 1
    assert lines(tmp_path, "epoch")[-1]["train_accuracy"] == 1
    # The rate goes by the schedule, and progress counts the whole run.
    assert made[0].calls == [(pytest.approx(0.1), pytest.approx(step / 12)) for step in range(12)]
    # The recorded error of a batch is the one before it was learned.
    assert lines(tmp_path, "step")[0]["loss"] == pytest.approx(1 - accuracy_of(linear(), tmp_path))


def accuracy_of(model: nn.Module, folder: Path) -> float:
    """Return the accuracy of a network on the first batch of a run."""
    work = job(folder)
    batch = next(work.train.training(0, augment=lambda images, *_, **__: images))  # type: ignore[arg-type]
    return float((model(batch.images).argmax(1) == batch.labels).float().mean())


def test_a_run_by_a_rule_resumes_to_the_same_weights(tmp_path: Path) -> None:
    whole = linear()
    (tmp_path / "whole").mkdir()
    fit(whole, job(tmp_path / "whole", rule=Perceptron))

    class Dies(Perceptron):
        def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
            if progress > 0.5:
                raise KeyboardInterrupt
            return super().step(images, labels, lr=lr, progress=progress)

    (tmp_path / "killed").mkdir()
    with pytest.raises(KeyboardInterrupt):
        fit(linear(), job(tmp_path / "killed", rule=Dies))
    resumed = linear()
    fit(resumed, job(tmp_path / "killed", rule=Perceptron))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


class Impatient(nn.Sequential):
    """Presses Ctrl-C when it is first scored."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training and not hasattr(self, "pressed"):
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)
        answer: Tensor = super().forward(x)
        return answer


def test_ctrl_c_during_the_last_scoring_stops_the_run_which_can_go_on(tmp_path: Path) -> None:
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    fit(linear(), replace(job(tmp_path / "whole"), watched=None))
    with pytest.raises(Interrupted) as raised:
        fit(Impatient(*linear()), replace(job(tmp_path / "stopped"), watched=None))
    assert str(raised.value) == (
        "stopped after step 12 of 12; a checkpoint is written. "
        f"Go on with: striate resume {tmp_path / 'stopped'}"
    )
    assert not lines(tmp_path / "stopped", "result")
    fit(linear(), replace(job(tmp_path / "stopped"), watched=None))
    assert lines(tmp_path / "stopped", "result") == lines(tmp_path / "whole", "result")


def test_a_rule_whose_loss_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    class Nan(Perceptron):
        def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
            return torch.tensor(float("nan"))

    with pytest.raises(
        DivergedError, match=r"^the loss became nan at step 1 of 12; nothing of it was saved\."
    ):
        fit(linear(), job(tmp_path, rule=Nan, on_divergence="stop"))


class TwoHeads(nn.Module):
    """A network with an auxiliary head that is there in training only, as GoogLeNet's are."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.main, self.aux = nn.Linear(16, 4), nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        x = self.body(x.flatten(1)).relu()
        return (self.main(x), self.aux(x), -self.aux(x)) if self.training else self.main(x)


def test_a_network_with_auxiliary_heads_trains_and_they_weigh_less(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = TwoHeads()
    before = model.aux.weight.clone()
    fit(model, job(tmp_path, epochs=12))
    assert lines(tmp_path, "result")[0]["accuracy"] == 1
    assert not torch.equal(model.aux.weight, before)
    task, labels = Classification(("dark", "bright")), torch.tensor([0, 1])
    main, aux = torch.randn(2, 2), torch.randn(2, 2)
    expected = task.loss(main, labels) + AUXILIARY_WEIGHT * (task.loss(aux, labels) + task.loss(main, labels))
    assert torch.allclose(task.loss((main, aux, main), labels), expected)


def test_the_loop_does_what_sgd_on_paper_does(tmp_path: Path) -> None:
    model, own = linear(), linear()
    work = job(tmp_path, epochs=2, momentum=0.0)
    fit(model, work)
    for epoch in range(2):
        for images, labels in work.train.training(epoch, augment=lambda images, *_, **__: images):  # type: ignore[arg-type]
            loss = torch.nn.functional.cross_entropy(own(images), labels)
            gradients = torch.autograd.grad(loss, list(own.parameters()))
            with torch.no_grad():
                for weight, gradient in zip(own.parameters(), gradients, strict=True):
                    weight -= 0.1 * gradient
    for ours, theirs in zip(model.parameters(), own.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_mixed_pictures_are_learned_by_their_shares_and_scored_by_the_larger(tmp_path: Path) -> None:
    model, own = linear(), linear()
    work = job(tmp_path, epochs=1, mixup=1.0)
    fit(model, work)
    right = 0
    mix = Mix(mixup=1.0, classes=2)
    for images, shares in work.train.training(0, augment=Augment(), mix=mix):
        logits = own(images)
        assert 0.1 < shares.max(1).values.min() < 0.9
        loss = -(shares * logits.log_softmax(1)).sum(1).mean()
        right += int((logits.argmax(1) == shares.argmax(1)).sum())
        gradients = torch.autograd.grad(loss, list(own.parameters()))
        with torch.no_grad():
            for weight, gradient in zip(own.parameters(), gradients, strict=True):
                weight -= 0.1 * gradient
    for ours, theirs in zip(model.parameters(), own.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    assert lines(tmp_path, "epoch")[0]["train_accuracy"] == right / 16


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_channels_last_weights_resume_in_their_memory_order(tmp_path: Path, optimizer: str) -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 2), nn.Flatten(), nn.Linear(4, 2))

    changes: dict[str, Any] = {
        "layout": "channels_last",
        "optimizer": optimizer,
        "momentum": 0.9,
        "lr": 0.001,
    }
    (tmp_path / "a").mkdir()
    whole = network()
    fit(whole, job(tmp_path / "a", **changes, checkpoint_every=1))
    last = sorted(path for path in (tmp_path / "a" / "checkpoints").iterdir() if path.is_dir())[-1]
    for path in last.iterdir():
        path.unlink()
    again = network()
    fit(again, job(tmp_path / "a", **changes, checkpoint_every=1))
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.stride() == b.stride()


class Stuck(Perceptron):
    """Learns nothing, so that its loss stays where it is."""

    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        self.calls.append((lr, progress))
        return torch.tensor(0.5)


def test_the_rate_falls_on_a_plateau_also_in_a_run_that_was_stopped(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"epochs": 8, "schedule": "plateau", "plateau_patience": 2}
    rates = pytest.approx([0.1] * 12 + [0.01] * 8 + [0.001] * 8 + [0.0001] * 4)

    def rates_of(folder: Path) -> list[float]:
        return [line["lr"] for line in lines(folder, "step")]

    for folder in ("whole", "stopped"):
        (tmp_path / folder).mkdir()
    fit(linear(), job(tmp_path / "whole", rule=Stuck, **changes))
    assert rates_of(tmp_path / "whole") == rates

    class Dies(Stuck):
        at = 0.0

        def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
            if progress == self.at:
                raise KeyboardInterrupt
            return super().step(images, labels, lr=lr, progress=progress)

    # In the first epoch, after one epoch of waiting, in an epoch after the rate fell, and in the last.
    for step in (2, 9, 14, 30):
        Dies.at = step / 32
        with pytest.raises(KeyboardInterrupt):
            fit(linear(), job(tmp_path / "stopped", rule=Dies, checkpoint_every=1, **changes))
    fit(linear(), job(tmp_path / "stopped", rule=Stuck, checkpoint_every=1, **changes))
    assert rates_of(tmp_path / "stopped") == rates


def test_the_plateau_goes_by_the_validation_pictures_and_never_by_those_of_the_test(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"epochs": 4, "schedule": "plateau", "plateau_patience": 1, "lr": 0.3}
    whole = store()
    wrong = Loader(store=replace(whole, labels=1 - whole.labels), preprocess=PREPROCESS, batch=256)
    for split, last in (("test", 0.3), ("val", 0.3 / 100)):
        (tmp_path / split).mkdir()
        work = replace(job(tmp_path / split, **changes), watched=(split, wrong))
        fit(linear(), work)
        # The better the pictures are learned, the worse their wrong labels: a fall after each epoch but the first.
        assert lines(tmp_path / split, "step")[-1]["lr"] == pytest.approx(last)


def test_a_checkpoint_of_before_there_was_a_plateau_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    fit(linear(), job(tmp_path / "a", epochs=1))
    newest = load_checkpoint(tmp_path / "a" / "checkpoints").checkpoint
    assert newest is not None
    old = {name: value for name, value in newest.state.items() if name != "plateau"}
    assert len(old) == len(newest.state) - 1
    save_checkpoint(tmp_path / "a" / "checkpoints", 4, replace(newest, state=old))
    fit(linear(), job(tmp_path / "a", epochs=2))
    assert [line["epoch"] for line in lines(tmp_path / "a", "epoch")] == [1, 2]
