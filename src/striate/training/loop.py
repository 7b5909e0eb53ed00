"""The training loop: plain, resumable at any step, stopped by a loss that is not finite."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from striate.data.augment import PRESETS
from striate.data.draw import key
from striate.data.loader import Batch, Loader
from striate.data.progress import Progress
from striate.errors import DivergedError, Interrupted
from striate.tasks.classification import Classification
from striate.tasks.scores import evaluate
from striate.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from striate.training.guard import StopSignal
from striate.training.optim import Hyper, make_optimizer
from striate.training.recipe import LAYOUTS, Recipe
from striate.training.record import Record
from striate.training.schedule import SCHEDULES

LOGGED_STEPS = 20  # lines of metrics.jsonl an epoch, besides the epoch's own


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is trained on what, and the run folder it is written to.

    `watched` is the split looked at after each epoch, `final` the one scored at the end; nothing is chosen by either.
    """

    recipe: Recipe
    task: Classification
    train: Loader
    watched: tuple[str, Loader] | None
    final: tuple[str, Loader] | None
    folder: Path
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where in a run the loop stands, and this epoch's sums so far. `step` counts from the start of the run."""

    step: int = 0
    loss: float = 0.0
    right: int = 0
    seen: int = 0
    record_length: int = 0


def fit(model: nn.Module, job: Job) -> None:
    """Train a model in place to the end of its recipe, from the newest checkpoint of the run folder if there is one.

    Raises Interrupted after a checkpoint on Ctrl-C, DivergedError on a loss that is not finite, StorageError where
    the disk is full.
    """
    plan = job.recipe.train
    hyper = Hyper(plan.lr, plan.momentum, plan.weight_decay)
    optimizer = make_optimizer(plan.optimizer, model, hyper)
    position = _restore(model, optimizer, job.folder)
    model.to(memory_format=LAYOUTS[plan.layout])  # type: ignore[call-overload]  # torch's stubs leave it out
    with Record(job.folder / "metrics.jsonl", length=position.record_length) as record, StopSignal() as stop:
        trainer = _Trainer(model, optimizer, job, record, stop)
        while position.step < plan.epochs * job.train.steps:
            position = trainer.epoch(position)
        trainer.finish()


class _Trainer:
    """The loop's working parts, gathered so that each method is of one breath."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, job: Job, record: Record, stop: StopSignal
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.job = job
        self.record = record
        self.stop = stop
        self.plan = job.recipe.train
        self.total = self.plan.epochs * job.train.steps

    def epoch(self, position: Position) -> Position:
        """Train from `position` to the end of its epoch, look at the watched split, and save."""
        job, steps = self.job, self.job.train.steps
        epoch, done = divmod(position.step, steps)
        job.progress.begin(f"epoch {epoch + 1}/{self.plan.epochs}", len(job.train.store))
        job.progress.advance(position.seen)
        started = time.perf_counter()
        self.model.train()
        for batch in job.train.training(epoch, augment=PRESETS[self.plan.augment], start=done):
            position = self.step(batch, position)
            if self.stop.asked:
                self.save(position)
                raise Interrupted(f"stopped at step {position.step}. Go on with: striate resume {job.folder}")
            every = self.plan.checkpoint_every
            if every and position.step % every == 0 and position.step % steps:
                self.save(position)
        self._end_epoch(epoch, position, time.perf_counter() - started)
        position = Position(step=position.step)
        self.save(position)
        return position

    def step(self, batch: Batch, position: Position) -> Position:
        """Make one step of the optimizer and return the position after it."""
        job = self.job
        torch.manual_seed(key("step", seed=job.recipe.seed, step=position.step))
        rate = self.plan.lr * SCHEDULES[self.plan.schedule](position.step / self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        outputs = self.model(batch.images)
        loss = job.task.loss(outputs, batch.labels)
        value = loss.item()
        if not math.isfinite(value):
            raise self._diverged(value, position.step)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        count = len(batch.labels)
        position = replace(
            position,
            step=position.step + 1,
            loss=position.loss + value * count,
            right=position.right + int((job.task.answers(outputs) == batch.labels).sum()),
            seen=position.seen + count,
        )
        self._log_step(position, value, rate, count)
        return position

    def finish(self) -> None:
        """Score the final split and record it."""
        if self.job.final:
            split, loader = self.job.final
            scores = evaluate(self.model, loader.evaluation(), num_classes=len(self.job.task.classes))
            self.record.write(
                "result", split=split, loss=scores.loss, accuracy=scores.accuracy, images=len(loader.store)
            )
            self.job.progress.say(f"{split} accuracy {scores.accuracy:.2%} on {len(loader.store):,} pictures")

    def save(self, position: Position) -> None:
        """Write a checkpoint of this position."""
        state = {**vars(position), "record_length": self.record.length}
        checkpoint = Checkpoint(
            model=self.model.state_dict(), optimizer=_tensors_of(self.optimizer), state=state
        )
        save_checkpoint(self.job.folder / "checkpoints", position.step, checkpoint)

    def _log_step(self, position: Position, loss: float, rate: float, count: int) -> None:
        mean, accuracy = position.loss / position.seen, position.right / position.seen
        self.job.progress.advance(count, loss=mean, accuracy=accuracy)
        if position.step % max(1, self.job.train.steps // LOGGED_STEPS) == 0:
            self.record.write("step", step=position.step, loss=loss, lr=rate)

    def _end_epoch(self, epoch: int, position: Position, seconds: float) -> None:
        values: dict[str, Any] = {
            "epoch": epoch + 1,
            "step": position.step,
            "train_loss": position.loss / position.seen,
            "train_accuracy": position.right / position.seen,
            "seconds": round(seconds, 3),
        }
        line = f"epoch {epoch + 1}: loss {values['train_loss']:.4f}, accuracy {values['train_accuracy']:.2%}"
        if self.job.watched:
            split, loader = self.job.watched
            scores = evaluate(self.model, loader.evaluation(), num_classes=len(self.job.task.classes))
            values |= {f"{split}_loss": scores.loss, f"{split}_accuracy": scores.accuracy}
            line += f"; {split} {scores.accuracy:.2%}"
        self.record.write("epoch", **values)
        self.job.progress.say(line)

    def _diverged(self, loss: float, step: int) -> DivergedError:
        folder, rate = self.job.folder, self.plan.lr
        return DivergedError(
            f"the loss became {loss} at step {step + 1}; nothing of it was saved. "
            f"Train again with a lower rate, such as --lr {rate / 10:g}. The run up to its last checkpoint: {folder}"
        )


def _restore(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> Position:
    """Put the newest checkpoint into model and optimizer and return its position; a fresh run starts at zero."""
    checkpoint = load_checkpoint(folder / "checkpoints")
    if checkpoint is None:
        return Position()
    model.load_state_dict(dict(checkpoint.model))
    _put_tensors(optimizer, checkpoint.optimizer)
    return Position(**checkpoint.state)


def _tensors_of(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimizer's state as tensors named '<parameter index>.<key>'."""
    state: Mapping[int, Mapping[str, Tensor | None]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value
        for index, values in state.items()
        for name, value in values.items()
        if value is not None
    }


def _put_tensors(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer the state that _tensors_of returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for full_name, value in tensors.items():
        index, name = full_name.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
