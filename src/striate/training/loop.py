"""The training loop: plain, resumable at any step, stopped by numbers that are not finite."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from striate.data.draw import key
from striate.data.loader import Batch, Loader
from striate.data.mix import Mix
from striate.data.progress import Progress
from striate.errors import DataError, DivergedError, Interrupted, command
from striate.rule import LearningRule
from striate.tasks.task import AnyTask, Scores, evaluate
from striate.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from striate.training.guard import StopSignal
from striate.training.optim import Hyper, make_optimizer
from striate.training.recipe import LAYOUTS, Recipe
from striate.training.record import Record
from striate.training.schedule import Plateau, rate_factor
from striate.training.step import BackPropagation, ByRule, Learner, NotFiniteError, Outcome

LOGGED_STEPS = 20  # lines of metrics.jsonl an epoch, besides the epoch's own


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is trained on what, and the run folder it is written to.

    `watched` is the split looked at after each epoch, `final` the one scored at the end; nothing is chosen by either.
    `rule` makes the network's own way to learn; None: back-propagation with the recipe's optimizer.
    """

    recipe: Recipe
    task: AnyTask
    train: Loader
    watched: tuple[str, Loader] | None
    final: tuple[str, Loader] | None
    folder: Path
    progress: Progress
    rule: Callable[[nn.Module], LearningRule] | None = None

    @property
    def steps(self) -> int:
        """The steps of the whole run."""
        return self.recipe.train.epochs * self.train.steps


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where in a run the loop stands, and this epoch's sums so far. `step` counts from the start of the run.

    `right` is the sum of the pictures' scores: 1 for each answered rightly. `record_length` is the size of
    metrics.jsonl when the position was saved. `plateau` is what the watched loss has been.
    """

    step: int = 0
    loss: float = 0.0
    right: float = 0
    seen: int = 0
    record_length: int = 0
    plateau: Plateau = field(default_factory=Plateau)

    def after(self, outcome: Outcome, count: int) -> "Position":
        """Return the position one step of `count` pictures later."""
        return replace(
            self,
            step=self.step + 1,
            loss=self.loss + outcome.loss * count,
            right=self.right + outcome.right,
            seen=self.seen + count,
        )


def fit(model: nn.Module, job: Job) -> None:
    """Train a model in place to the end of its recipe, from the newest checkpoint of the run folder if there is one.

    Raises Interrupted after a checkpoint on Ctrl-C, DivergedError where a loss or a weight is not finite,
    StorageError where the disk is full.
    """
    model.to(memory_format=LAYOUTS[job.recipe.train.layout])  # type: ignore[call-overload]  # torch's stubs lack it
    learner = _learner(model, job)
    position = _restored(model, learner, job)
    with Record(job.folder / "metrics.jsonl", length=position.record_length) as record, StopSignal() as stop:
        trainer = _Trainer(model, learner, job, record, stop)
        while position.step < job.steps:
            position = trainer.epoch(position)
        trainer.finish()


class _Trainer:
    """The loop's working parts, gathered so that each method is of one breath."""

    def __init__(
        self, model: nn.Module, learner: Learner, job: Job, record: Record, stop: StopSignal
    ) -> None:
        self.model = model
        self.learner = learner
        self.job = job
        self.record = record
        self.stop = stop
        self.plan = job.recipe.train

    def epoch(self, position: Position) -> Position:
        """Train from `position` to the end of its epoch, look at the watched split, and save."""
        job, steps = self.job, self.job.train.steps
        epoch, done = divmod(position.step, steps)
        job.progress.begin(
            f"epoch {epoch + 1}/{self.plan.epochs}", len(job.train.store), score=job.task.metric.form
        )
        job.progress.advance(position.seen)
        started = time.perf_counter()
        self.model.train()
        mix = Mix(mixup=self.plan.mixup, cutmix=self.plan.cutmix, classes=len(job.task.classes))
        for batch in job.train.training(epoch, augment=self.plan.augment, mix=mix, start=done):
            position = self._step(batch, position)
            # The checkpoint after an epoch's last step is written once the epoch has been recorded.
            if position.step % steps and (self.stop.asked or self._is_due(position.step)):
                self._save(position)
                self._stop_if_asked(position)
        loss = self._end_epoch(epoch, position, time.perf_counter() - started)
        position = Position(step=position.step, plateau=self._waited(position.plateau, loss))
        self._save(position)
        self._stop_if_asked(position)
        return position

    def finish(self) -> None:
        """Score the final split and record it."""
        if self.job.final is None:
            return
        split, loader = self.job.final
        scores = self._evaluate(split, loader, self.job.steps)
        values = {"split": split, "loss": scores.loss, **scores.values(), "images": scores.images}
        self.record.write("result", values)
        self.job.progress.say(f"{split} {scores.text} on {scores.images:,} pictures")

    def _step(self, batch: Batch, position: Position) -> Position:
        """Learn from one batch and return the position after it."""
        torch.manual_seed(key("step", seed=self.job.recipe.seed, step=position.step))
        done = position.step / self.job.steps
        factor = rate_factor(self.plan.schedule, done, warmup=self.plan.warmup)
        rate = self.plan.lr * factor * position.plateau.factor
        try:
            outcome = self.learner.step(batch, lr=rate, progress=done)
        except NotFiniteError as error:
            raise self._diverged(f"the loss became {error.loss}", position.step + 1) from error
        position = position.after(outcome, len(batch.labels))
        mean, score = position.loss / position.seen, position.right / position.seen
        self.job.progress.advance(len(batch.labels), loss=mean, accuracy=score)
        if position.step % max(1, self.job.train.steps // LOGGED_STEPS) == 0:
            self.record.write("step", {"step": position.step, "loss": outcome.loss, "lr": rate})
        return position

    def _is_due(self, step: int) -> bool:
        every = self.plan.checkpoint_every
        return every > 0 and step % every == 0

    def _end_epoch(self, epoch: int, position: Position, seconds: float) -> float:
        """Look at the watched split, record the epoch, and return the loss the rate may go by: never the test's."""
        metric = self.job.task.metric
        loss, score = position.loss / position.seen, position.right / position.seen
        values: dict[str, Any] = {
            "epoch": epoch + 1,
            "step": position.step,
            "train_loss": loss,
            f"train_{metric.key}": score,
            "seconds": round(seconds, 3),
        }
        line = f"epoch {epoch + 1}: loss {loss:.4f}, {metric.name} {metric.text(score)}"
        if self.job.watched:
            split, loader = self.job.watched
            scores = self._evaluate(split, loader, position.step)
            values |= {f"{split}_loss": scores.loss, f"{split}_{metric.key}": scores.score}
            line += f"; {split} {metric.text(scores.score)}"
        self.record.write("epoch", values)
        self.job.progress.say(line)
        return float(values.get("val_loss", loss))

    def _waited(self, plateau: Plateau, loss: float) -> Plateau:
        """Return the state of the plateau after an epoch, and say when the rate falls."""
        if self.plan.schedule != "plateau":
            return plateau
        after = plateau.after(loss, patience=self.plan.plateau_patience)
        if after.falls > plateau.falls:
            self.job.progress.say(
                f"no better loss in {self.plan.plateau_patience} epochs: the rate falls to a tenth"
            )
        return after

    def _evaluate(self, split: str, loader: Loader, step: int) -> Scores:
        scores = evaluate(self.model, loader.evaluation(), self.job.task)
        if not math.isfinite(scores.loss):
            raise self._diverged(f"the {split} loss became {scores.loss}", step)
        return scores

    def _save(self, position: Position) -> None:
        """Write a checkpoint of this position, unless a number in it is not finite."""
        model, learner = self.model.state_dict(), self.learner.tensors()
        if not all(tensor.isfinite().all() for tensor in [*model.values(), *learner.values()]):
            raise self._diverged("the weights became infinite", position.step)
        self.record.sync()
        state = {**asdict(position), "record_length": self.record.length}
        checkpoint = Checkpoint(model=model, optimizer=learner, state=state)
        save_checkpoint(self.job.folder / "checkpoints", position.step, checkpoint)

    def _stop_if_asked(self, position: Position) -> None:
        if self.stop.asked:
            raise Interrupted(
                f"stopped after step {position.step} of {self.job.steps}; a checkpoint is written. "
                f"Go on with: {command('resume', self.job.folder)}"
            )

    def _diverged(self, what: str, step: int) -> DivergedError:
        return DivergedError(
            f"{what} at step {step} of {self.job.steps}; nothing of it was saved. "
            f"Train again with a lower rate, such as --lr {self.plan.lr / 10:g}. The run until then: {self.job.folder}"
        )


def _learner(model: nn.Module, job: Job) -> Learner:
    if job.rule is not None:
        return ByRule(model, job.task, job.rule(model))
    plan = job.recipe.train
    hyper = Hyper(plan.lr, plan.momentum, plan.weight_decay)
    return BackPropagation(model, job.task, make_optimizer(plan.optimizer, model, hyper))


def _restored(model: nn.Module, learner: Learner, job: Job) -> Position:
    """Put the newest whole checkpoint into model and learner and return its position; a fresh run starts at zero."""
    found = load_checkpoint(job.folder / "checkpoints")
    for problem in found.damaged:
        job.progress.say(f"passed over a damaged checkpoint: {problem}")
    if found.checkpoint is None:
        return Position()
    try:
        model.load_state_dict(dict(found.checkpoint.model))
        learner.restore(found.checkpoint.optimizer)
        state = found.checkpoint.state
        # A checkpoint of before there was a plateau has none.
        position = Position(**{**state, "plateau": Plateau(**state.get("plateau", {}))})
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{job.folder}: the checkpoint is not one of the recipe in recipe.toml. Restore both from a copy."
        ) from error
    job.progress.say(f"going on from step {position.step} of {job.steps}")
    return position
