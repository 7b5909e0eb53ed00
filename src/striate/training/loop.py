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
from striate.tasks.calibration import Calibration
from striate.tasks.task import AnyTask, Scores, collect, evaluate
from striate.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from striate.training.finetune import FineTuning
from striate.training.guard import StopSignal
from striate.training.optim import Hyper, make_optimizer
from striate.training.progressive import shrink, side_at
from striate.training.recipe import LAYOUTS, Recipe
from striate.training.record import Record
from striate.training.schedule import SCHEDULES
from striate.training.step import BackPropagation, ByRule, Learner, NotFiniteError, Outcome
from striate.training.stopping import Best, load_best, save_best

LOGGED_STEPS = 20  # lines of metrics.jsonl an epoch, besides the epoch's own


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is trained on what, and the run folder it is written to.

    `watched` is the split looked at after each epoch, `final` the one scored at the end; nothing is chosen by either,
    but for the best epoch by `watched` where the recipe has a patience. Probabilities are fitted to `watched` where it
    is the validation split. `rule` makes the network's own way to learn; None: back-propagation with the recipe's
    optimizer. `head` names the parameters of the last layer, by which fine-tuning begins.
    """

    recipe: Recipe
    task: AnyTask
    train: Loader
    watched: tuple[str, Loader] | None
    final: tuple[str, Loader] | None
    folder: Path
    progress: Progress
    rule: Callable[[nn.Module], LearningRule] | None = None
    head: frozenset[str] = frozenset()

    @property
    def steps(self) -> int:
        """The steps of the whole run."""
        return self.recipe.train.epochs * self.train.steps


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where in a run the loop stands, and this epoch's sums so far. `step` counts from the start of the run.

    `right` is the sum of the pictures' scores: 1 for each answered rightly. `record_length` is the size of
    metrics.jsonl when the position was saved; `best` is kept where the recipe has a patience.
    """

    step: int = 0
    loss: float = 0.0
    right: float = 0
    seen: int = 0
    record_length: int = 0
    best: Best = field(default_factory=Best)

    def after(self, outcome: Outcome, count: int) -> "Position":
        """Return the position one step of `count` pictures later."""
        return replace(
            self,
            step=self.step + 1,
            loss=self.loss + outcome.loss * count,
            right=self.right + outcome.right,
            seen=self.seen + count,
        )


def fit(model: nn.Module, job: Job) -> Calibration:
    """Train a model in place to the end of its recipe, from the newest checkpoint of the run folder if there is one.

    Returns what the validation pictures say of its probabilities.
    Raises Interrupted after a checkpoint on Ctrl-C, DivergedError where a loss or a weight is not finite,
    StorageError where the disk is full.
    """
    model.to(memory_format=LAYOUTS[job.recipe.train.layout])  # type: ignore[call-overload]  # torch's stubs lack it
    learner = _learner(model, job)
    position = _restored(model, learner, job)
    with Record(job.folder / "metrics.jsonl", length=position.record_length) as record, StopSignal() as stop:
        trainer = _Trainer(model, learner, job, record, stop)
        while position.step < job.steps and not position.best.is_over(job.recipe.train.patience):
            position = trainer.epoch(position)
        return trainer.finish(position)


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
        self.tuning = _tuning(model, job)

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
        best = self._end_epoch(epoch, position, time.perf_counter() - started)
        position = Position(step=position.step, best=best)
        self._save(position)
        self._stop_if_asked(position)
        return position

    def finish(self, position: Position) -> Calibration:
        """Take the best weights where they were asked for, calibrate, score the final split and record it."""
        best: dict[str, Any] = {}
        if self.plan.patience:
            best = {"epoch": position.best.step // self.job.train.steps}
            self.model.load_state_dict(dict(load_best(self.job.folder, position.best.step)))
            self.job.progress.say(
                f"the best of {position.step // self.job.train.steps} epochs was {best['epoch']}"
            )
        calibration = self._calibration()
        if self.job.final is None:
            return calibration
        split, loader = self.job.final
        scores = self._evaluate(split, loader, position.step, self.job.task.calibrated(calibration))
        values = {"split": split, **best, "loss": scores.loss, **scores.values(), "images": scores.images}
        self.record.write("result", values)
        self.job.progress.say(f"{split} {scores.text} on {scores.images:,} pictures")
        return calibration

    def _calibration(self) -> Calibration:
        """Fit the probabilities to the validation pictures; where there are none, they stay."""
        if not self.plan.calibrate or self.job.watched is None or self.job.watched[0] != "val":
            return Calibration()
        return self.job.task.calibration(*collect(self.model, self.job.watched[1].evaluation()))

    def _step(self, batch: Batch, position: Position) -> Position:
        """Learn from one batch and return the position after it."""
        torch.manual_seed(key("step", seed=self.job.recipe.seed, step=position.step))
        done = position.step / self.job.steps
        self.tuning.set(done)
        rate = self.plan.lr * SCHEDULES[self.plan.schedule](self.tuning.stage(done))
        side = side_at(done, full=min(batch.images.shape[2:]), first=self.plan.progressive)
        batch = batch._replace(images=shrink(batch.images, side))
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

    def _end_epoch(self, epoch: int, position: Position, seconds: float) -> Best:
        """Look at the watched split, record the epoch, keep its weights if they are asked for and the best."""
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
        best = position.best
        if self.job.watched:
            split, loader = self.job.watched
            scores = self._evaluate(split, loader, position.step)
            values |= {f"{split}_loss": scores.loss, f"{split}_{metric.key}": scores.score}
            line += f"; {split} {metric.text(scores.score)}"
            best = self._best(best, scores.loss, position.step)
        self.record.write("epoch", values)
        self.job.progress.say(line)
        return best

    def _best(self, best: Best, loss: float, step: int) -> Best:
        """Return the best with this epoch's loss seen; where it is the best, its weights are written."""
        if not self.plan.patience:
            return best
        best = best.after(loss, step)
        if best.step == step:
            save_best(self.job.folder, step, self.model.state_dict())
        return best

    def _evaluate(self, split: str, loader: Loader, step: int, task: AnyTask | None = None) -> Scores:
        scores = evaluate(self.model, loader.evaluation(), task or self.job.task)
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
    optimizer = make_optimizer(plan.optimizer, model, hyper)
    _tuning(model, job).lower_rates(optimizer)
    return BackPropagation(model, job.task, optimizer)


def _tuning(model: nn.Module, job: Job) -> FineTuning:
    plan = job.recipe.train
    return FineTuning(model, head=job.head, frozen=plan.frozen, body_lr=plan.body_lr)


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
        position = Position(**{**state, "best": Best(**state.get("best", {}))})
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{job.folder}: the checkpoint is not one of the recipe in recipe.toml. Restore both from a copy."
        ) from error
    job.progress.say(f"going on from step {position.step} of {job.steps}")
    return position
