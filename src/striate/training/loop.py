"""The training loop: resumable at any step, and stopped at once by a number that is not finite.

A rollback is a resume: its target is written to recovery.json, then training restarts from the run folder as it would
after a kill.
"""

import math
import time
from dataclasses import replace
from typing import Any, NamedTuple

from torch import nn

from striate.data.augment.mix import Mix
from striate.data.draw import key
from striate.data.loader import Batch, Loader
from striate.errors import DataError, Interrupted, command
from striate.host.device import seed_draws
from striate.host.memory import NoRoomError, memory_errors, no_memory, release
from striate.learning.finetune import FineTuning
from striate.learning.progressive import shrink, side_at
from striate.learning.schedule import Plateau, rate_factor
from striate.runs.folder.best import save_best
from striate.runs.folder.checkpoint import (
    KEEP,
    checkpoint_states,
    drop_after,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from striate.runs.folder.recipe import LAYOUTS
from striate.runs.folder.record import Record
from striate.runs.folder.recovery import (
    LOWER,
    MOST_ROLLBACKS,
    RECOVERY,
    Recovery,
    Rollback,
    Split,
    load_recovery,
)
from striate.tasks.calibration import Calibration
from striate.tasks.task import AnyTask, Scores
from striate.training.divergence import Divergence, bad_input, given_up, stopped
from striate.training.handover import hand_over, hand_over_best, hand_over_file
from striate.training.job import Job
from striate.training.position import Position
from striate.training.ranks.sync_norm import synchronise
from striate.training.ranks.team import Team
from striate.training.scoring import Scorer
from striate.training.step import ByRule, Learner, NotFiniteError, Outcome, back_propagation
from striate.training.stop import StopSignal
from striate.training.trainee import Trainee

LOGGED_STEPS = 20  # step lines an epoch in metrics.jsonl: from so many to twice as many, if it has the steps


class Ended(NamedTuple):
    """The end of a training: the calibration fitted to the validation split, and the scores on the final split."""

    calibration: Calibration
    scores: Scores | None


def fit(model: nn.Module, job: Job) -> Ended:
    """Train a model in place to the end of its recipe, from the newest checkpoint of the run folder if there is one.

    Raises Interrupted after Ctrl-C or SIGTERM, once a checkpoint is written; DivergedError where a number is not finite
    and a rollback is not asked for, not possible or no help; StorageError where disk or memory is full.
    """
    model.to(memory_format=LAYOUTS[job.recipe.train.layout])  # type: ignore[call-overload]  # torch's stubs lack it
    model.to(job.ranks.device)
    if job.recipe.train.sync_bn:
        synchronise(model, job.ranks)
    plan = job.recipe.train
    tuning = FineTuning(model, head=job.head, frozen=plan.frozen, body_lr=plan.body_lr)
    with StopSignal() as stop, memory_errors(job.folder):
        while True:
            ended = _train(model, tuning, job, stop)
            if isinstance(ended, Ended):
                return ended
            if job.ranks.first:
                _roll_back(job, ended)
            del ended  # its traceback keeps network and optimizer alive


def _train(model: nn.Module, tuning: FineTuning, job: Job, stop: StopSignal) -> Ended | Divergence:
    """Train from the newest checkpoint to the end; return the Divergence where a number is not finite."""
    hand_over_file(job.folder / RECOVERY, job.ranks)
    recovery = load_recovery(job.folder)
    if recovery.given_up:
        raise given_up(job.folder, recovery, lr=job.recipe.train.lr)
    team = Team(model, job.ranks, lambda: stop.asked)
    trainee = Trainee(model, _learner(model, tuning, job, team), ema=job.recipe.train.ema)
    position = _restored(trainee, job, recovery) if job.ranks.first else Position()
    position = Position.of(hand_over(trainee, position.to_dict(), job.ranks))
    with Record(job.folder / "metrics.jsonl", length=position.record_length) as record:
        trainer = _Trainer(trainee, tuning, job, recovery, record, team)
        try:
            position = trainer.begin(position)
            while position.step < job.steps and not position.best.is_over(job.recipe.train.patience):
                position = trainer.epoch(position)
            return trainer.finish(position)
        except Divergence as divergence:
            return divergence


def _roll_back(job: Job, divergence: Divergence) -> None:
    """Write the next rollback to recovery.json; raises DivergedError where the run ends instead of making it."""
    if not divergence.by_rate:
        raise bad_input(job.folder, divergence)
    recovery, plan = load_recovery(job.folder), job.recipe.train
    if len(recovery.rollbacks) == MOST_ROLLBACKS:
        recovery = replace(recovery, given_up=str(divergence))
        recovery.save(job.folder)
        raise given_up(job.folder, recovery, lr=plan.lr)
    states = filter(recovery.counts, checkpoint_states(job.folder / "checkpoints"))
    steps = [state["step"] for state in states if job.is_way_back(state)][:KEEP]
    back = Rollback(divergence.step, recovery.target(steps), divergence.reason)
    recovery = recovery.going_back(back)
    recovery.save(job.folder)
    # Without a checkpoint the target is step 0: fresh weights, which a resume makes and this loop cannot.
    if plan.on_divergence == "stop" or not steps:
        raise stopped(job.folder, divergence, recovery, lr=plan.lr)


class LastScores(NamedTuple):
    """The scores of the watched split, and the step after which they were taken."""

    split: str
    step: int
    scores: Scores

    def at(self, split: str, step: int) -> Scores | None:
        """Return the scores if they are of this split and step, else None."""
        return self.scores if (self.split, self.step) == (split, step) else None


class _Trainer:
    """One pass of the loop, from a checkpoint to the end of the run or to a divergence.

    `at_once` is the size of a micro-batch, which shrinks where memory runs out.
    """

    def __init__(
        self,
        trainee: Trainee,
        tuning: FineTuning,
        job: Job,
        recovery: Recovery,
        record: Record,
        team: Team,
    ) -> None:
        self.trainee = trainee
        self.tuning = tuning
        self.job = job
        self.recovery = recovery
        self.record = record
        self.team = team
        self.plan = job.recipe.train
        self.at_once = math.ceil(self.plan.batch / (self.plan.accumulate * team.size))
        self.scorer = Scorer(trainee, job)
        self.last_look: LastScores | None = None

    def begin(self, position: Position) -> Position:
        """Record the rollbacks made since `position` was saved; in a new run, save a first target for rollbacks."""
        new = self.recovery.rollbacks[position.rollbacks :]
        for number, back in enumerate(new, position.rollbacks + 1):
            rate = self.plan.lr * LOWER**number
            values = {"step": back.left, "to": back.to, "reason": back.reason, "lr": rate}
            self.record.write("rollback", values)
            self.job.progress.say(
                f"{back.reason} at step {back.left}: back to step {back.to} with a peak rate of {rate:.4g}"
            )
        self.at_once = self.recovery.at_once(position.step, most=self.at_once)
        position = replace(position, rollbacks=len(self.recovery.rollbacks))
        if self.plan.on_divergence == "rollback" and not has_checkpoint(self.job.folder / "checkpoints"):
            self._save(position)
        return position

    def epoch(self, position: Position) -> Position:
        """Train from `position` to the end of its epoch, score the watched split, and save a checkpoint."""
        job, steps = self.job, self.job.train.steps
        epoch, done = divmod(position.step, steps)
        job.progress.begin(
            f"epoch {epoch + 1}/{self.plan.epochs}", len(job.train.store), score=job.task.metric.form
        )
        job.progress.advance(position.seen)
        started = time.perf_counter()
        self.trainee.model.train()
        mix = Mix(mixup=self.plan.mixup, cutmix=self.plan.cutmix, classes=len(job.task.classes))
        for batch in job.train.training(epoch, augment=self.plan.augment, mix=mix, start=done):
            position = self._step(batch, position)
            # The checkpoint after an epoch's last step is written once the epoch has been recorded.
            stops = self.team.stops
            if position.step % steps and (stops or job.is_due(position.step)):
                self._save(position)
                self._stop_if(stops, position)
        position = self._end_epoch(epoch, position, time.perf_counter() - started)
        self._save(position)
        self._stop_if(self.team.asked(), position)
        return position

    def finish(self, position: Position) -> Ended:
        """Calibrate, score the final split and record the result; leaves the result's weights in the network."""
        best: dict[str, Any] = {}
        if self.plan.patience:
            epochs, best["epoch"] = (
                step // self.job.train.steps for step in (position.step, position.best.step)
            )
            self.trainee.take(hand_over_best(self.job.folder, position.best.step, self.job.ranks))
            self.job.progress.say(f"the best of {epochs} epochs was {best['epoch']}")
        calibration, scores = self._calibration(), None
        self._stop_if(self.team.asked(), position)
        if self.job.final is not None:
            split, loader = self.job.final
            # The last epoch's scores can stand where split and weights are the same and nothing was calibrated.
            looked = None if best or calibration != Calibration() else self.last_look
            scores = looked.at(split, position.step) if looked else None
            if scores is None:
                scores = self._evaluate(split, loader, position.step, self.job.task.calibrated(calibration))
            self._stop_if(self.team.asked(), position)
            values = {"split": split, **best, "loss": scores.loss, **scores.values(), "images": scores.images}
            self.record.write("result", values)
            self.job.progress.say(f"{split} {scores.text} on {scores.images:,} pictures")
        self.trainee.settle()
        return Ended(calibration, scores)

    def _calibration(self) -> Calibration:
        """Return the calibration fitted to the validation split; without one, the calibration that changes nothing."""
        if not self.plan.calibrate or self.job.watched is None or self.job.watched[0] != "val":
            return Calibration()
        outputs, labels = self.scorer.judged(self.job.watched[1], lambda outputs, labels: (outputs, labels))
        return self.job.task.calibration(outputs, labels)

    def _step(self, batch: Batch, position: Position) -> Position:
        """Learn from one batch and return the position after it."""
        done = position.step / self.job.steps
        self.tuning.set(done)
        factor = rate_factor(self.plan.schedule, self.tuning.stage(done), warmup=self.plan.warmup)
        rate = self.plan.lr * self.recovery.rate * factor * position.plateau.factor
        side = side_at(done, full=min(batch.images.shape[2:]), first=self.plan.progressive)
        batch = batch._replace(images=shrink(batch.images, side))
        count = self.job.train.count(position.step)
        outcome = self._learn(batch, position.step, rate)
        position = position.after(outcome, count)
        mean, score = position.loss / position.seen, position.right / position.seen
        self.job.progress.advance(count, loss=mean, accuracy=score)
        if position.step % max(1, self.job.train.steps // LOGGED_STEPS) == 0:
            self.record.write("step", {"step": position.step, "loss": outcome.loss, "lr": rate})
        return position

    def _learn(self, batch: Batch, step: int, rate: float) -> Outcome:
        """Make the step that follows `step` steps, halving the micro-batch until it fits in memory.

        Raises Divergence where a number is not finite, StorageError where no smaller micro-batch is possible.
        """
        count = self.job.train.count(step)
        while True:
            seed_draws(key(self.job.ranks.purpose("step"), seed=self.job.recipe.seed, step=step))
            self._follow_splits(step + 1)
            try:
                return self.trainee.learn(
                    batch, step=step, lr=rate, progress=step / self.job.steps, at_once=self.at_once, of=count
                )
            except NotFiniteError as error:
                if not self.job.ranks.any(not all(bool(tensor.isfinite().all()) for tensor in batch)):
                    raise self._divergence(str(error), step + 1) from error
                raise self._divergence(
                    "the batch holds numbers that are not finite", step + 1, by_rate=False
                ) from error
            except NoRoomError as error:
                said = str(error)
            self._split(step + 1, math.ceil(count / self.team.size), said)

    def _follow_splits(self, step: int) -> None:
        """Use the micro-batch size that recovery.json gives for a step, and record it where it changes."""
        at_once = self.recovery.at_once(step, most=self.at_once)
        if at_once == self.at_once:
            return
        self.at_once = at_once
        self.record.write("split", {"step": step, "at_once": at_once})
        self.job.progress.say(
            f"step {step}: not enough memory, so a batch of {self.plan.batch} now goes in parts of {at_once}"
        )

    def _split(self, step: int, count: int, said: str) -> None:
        """Halve the micro-batch from `step` on, in which a rank has `count` pictures.

        Raises StorageError where it cannot be smaller.
        """
        release()
        now, fewest = min(self.at_once, count), self.trainee.learner.fewest
        fewer = max(fewest, math.ceil(now / 2))
        if not fewest or fewer == now:
            raise no_memory(self.job.folder, f"for a step on {now} pictures at a time ({said})")
        self.recovery = self.recovery.splitting(Split(step, fewer))
        self.recovery.save(self.job.folder)

    def _end_epoch(self, epoch: int, position: Position, seconds: float) -> Position:
        """Score the watched split, record the epoch and keep its weights if the best; return the next one's start."""
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
            self.last_look = LastScores(split, position.step, scores)
            values |= {f"{split}_loss": scores.loss, f"{split}_{metric.key}": scores.score}
            line += f"; {split} {metric.text(scores.score)}"
            best = best.after(scores.loss, position.step) if self.plan.patience else best
        self.record.write("epoch", values)
        self.job.progress.say(line)
        if best.step == position.step and self.job.ranks.first:
            with self.trainee.as_scored() as model:
                save_best(self.job.folder, best.step, model.state_dict())
        # Nothing is chosen by the test pictures, so neither is the rate.
        plateau = self._waited(position.plateau, values.get("val_loss", loss))
        return position.after_epoch(best, plateau)

    def _waited(self, plateau: Plateau, loss: float) -> Plateau:
        """Return the state of the plateau schedule after an epoch, and say when the learning rate falls."""
        if self.plan.schedule != "plateau":
            return plateau
        patience = self.plan.plateau_patience
        after = plateau.after(loss, patience=patience)
        if after.falls > plateau.falls:
            self.job.progress.say(f"no better loss in {patience} epochs: the rate falls to a tenth")
        return after

    def _evaluate(self, split: str, loader: Loader, step: int, task: AnyTask | None = None) -> Scores:
        task = task or self.job.task
        scores = task.scores(*self.scorer.judged(loader, task.judge))
        if not math.isfinite(scores.loss):
            raise self._divergence(f"the {split} loss became {scores.loss}", step)
        return scores

    def _save(self, position: Position) -> None:
        """Write a checkpoint of this position; raises Divergence where a number in it is not finite."""
        self.record.sync()
        checkpoint = self.trainee.checkpoint({**position.to_dict(), "record_length": self.record.length})
        if not checkpoint.is_finite:
            raise self._divergence("the optimizer's state became infinite", position.step)
        if self.job.ranks.first:
            folder = self.job.folder / "checkpoints"
            save_checkpoint(folder, position.step, checkpoint, way_back=self.job.is_way_back)

    def _stop_if(self, asked: bool, position: Position) -> None:
        if asked:
            raise Interrupted(
                f"stopped after step {position.step} of {self.job.steps}; a checkpoint is written. "
                f"Go on with: {command('resume', self.job.folder)}"
            )

    def _divergence(self, reason: str, step: int, *, by_rate: bool = True) -> Divergence:
        return Divergence(reason, step=step, steps=self.job.steps, by_rate=by_rate)


def _learner(model: nn.Module, tuning: FineTuning, job: Job, team: Team) -> Learner:
    if job.rule is not None:
        return ByRule(model, job.task, job.rule(model))
    return back_propagation(model, job.task, job.recipe.train, tuning=tuning, team=team)


def _restored(trainee: Trainee, job: Job, recovery: Recovery) -> Position:
    """Load the newest whole checkpoint that is not stale and return its position, or that of a new run.

    Raises DataError where it does not fit the recipe.
    """
    folder = job.folder / "checkpoints"
    found = load_checkpoint(folder, counts=recovery.counts)
    for problem in found.damaged:
        job.progress.say(f"passed over a damaged checkpoint: {problem}")
    if found.checkpoint is None:
        return Position()
    try:
        trainee.restore(found.checkpoint)
        position = Position.of(found.checkpoint.state)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{job.folder}: the checkpoint is not one of the recipe in recipe.toml. Restore both from a copy."
        ) from error
    if position.rollbacks < len(recovery.rollbacks):
        drop_after(folder, position.step)
    job.progress.say(f"going on from step {position.step} of {job.steps}")
    return position
