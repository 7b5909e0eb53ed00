"""What trials share with `striate train` and with each other: the same weights to begin with, the same batches."""

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import torch
from torch import nn

from striate.data.draw import key
from striate.data.loader import Batch, Loader
from striate.data.mix import Mix
from striate.data.pictures import Source
from striate.data.progress import Progress
from striate.engine import prepare_measured
from striate.errors import StorageError, UsageError
from striate.heap import keep_freed_memory
from striate.nets.catalog import CATALOG
from striate.nets.pretrained import start_from
from striate.preparation import Prepared
from striate.run import fresh_model
from striate.tasks.task import Scores, evaluate
from striate.training.choice import DEFAULT_NET, Settings, choose_plan
from striate.training.device import device_of, seed_draws
from striate.training.dropout import set_dropout
from striate.training.finetune import FineTuning
from striate.training.launch import place
from striate.training.learner import back_propagation
from striate.training.memory import NoRoomError
from striate.training.optim import refuse_without_filters
from striate.training.progressive import shrink, side_at
from striate.training.recipe import LAYOUTS, Plan
from striate.training.schedule import rate_factor
from striate.training.step import Outcome
from striate.training.trainee import Trainee


@dataclass(frozen=True)
class Start:
    """A data set read and a recipe chosen, from which any number of trials begin alike on one device."""

    prepared: Prepared
    device: torch.device

    @property
    def plan(self) -> Plan:
        """How the trials train, unless one says otherwise."""
        return self.prepared.recipe.train

    def model(self) -> nn.Module:
        """Return the network as it is before the first step."""
        recipe = self.prepared.recipe
        model = fresh_model(recipe, self.prepared.classes)
        if recipe.weights:
            start_from(model, recipe.net, recipe.weights)
        set_dropout(model, recipe.train.dropout, name=recipe.net)
        layout = LAYOUTS[recipe.train.layout]
        model.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stubs lack it
        return model.to(self.device).train()

    def loader(self, split: str) -> Loader:
        """Return the batches of a split, for the device."""
        return replace(self.prepared.loader(split), device=self.device)

    def batches(self) -> Generator[Batch, None, None]:
        """Yield the batches of training, epoch after epoch, without end.

        Close it: Ctrl-C is lost where an iterator that is dropped waits for its threads.
        """
        loader, plan = self.loader("train"), self.plan
        mix = Mix(mixup=plan.mixup, cutmix=plan.cutmix, classes=len(self.prepared.classes))
        for epoch in count():
            yield from loader.training(epoch, augment=plan.augment, mix=mix)

    def with_optimizer(self, name: str, settings: Settings) -> Plan:
        """Return the plan by another optimizer: its usual rate, momentum and decay where `settings` leave them open.

        Raises UsageError where the optimizer does not suit the network.
        """
        facts = self.prepared.facts
        assert facts is not None, "the trials of a data set begin with `prepare`"
        refuse_without_filters(name, self.model(), net=facts.net)
        chosen, _ = choose_plan(replace(settings, optimizer=name, batch=self.plan.batch), facts)
        own = {field: getattr(chosen, field) for field in ("optimizer", "lr", "momentum", "weight_decay")}
        return replace(self.plan, **own)


class Trial:
    """One network on its way, by one optimizer."""

    def __init__(self, start: Start, plan: Plan) -> None:
        prepared, model = start.prepared, start.model()
        self.plan = plan
        self._task = prepared.task
        self._seed = prepared.recipe.seed
        self._tuning = FineTuning(model, head=prepared.head, frozen=plan.frozen, body_lr=plan.body_lr)
        learner = back_propagation(model, self._task, plan, tuning=self._tuning)
        self._trainee = Trainee(model, learner, ema=plan.ema)

    def step(self, number: int, batch: Batch, *, lr: float, progress: float) -> Outcome:
        """Make step `number`, its dropout and the like drawn as in training.

        Raises NotFiniteError, and StorageError where there is not enough memory.
        """
        self._tuning.set(progress)
        side = side_at(progress, full=min(batch.images.shape[2:]), first=self.plan.progressive)
        batch = batch._replace(images=shrink(batch.images, side))
        at_once = math.ceil(self.plan.batch / self.plan.accumulate)
        seed_draws(key("step", seed=self._seed, step=number))
        try:
            return self._trainee.learn(batch, step=number, lr=lr, progress=progress, at_once=at_once, of=0)
        except NoRoomError as error:
            raise StorageError(
                f"not enough memory for a step on {at_once} pictures at a time ({error}). Give a smaller --batch or "
                "--size; a race also needs less with fewer optimizers."
            ) from None

    def rate(self, progress: float) -> float:
        """Return the rate of the schedule at `progress` of the run."""
        stage = self._tuning.stage(progress)
        return self.plan.lr * rate_factor(self.plan.schedule, stage, warmup=self.plan.warmup)

    def score(self, loader: Loader) -> Scores:
        """Return how the network does on a split."""
        with self._trainee.as_scored() as model:
            return evaluate(model, loader.evaluation(), self._task)


def begin(data: str | Path | Source, settings: Settings, progress: Progress) -> Start:
    """Read a data set and choose what `settings` leave open; raises as `striate.train` does, before the first step."""
    net = settings.net or DEFAULT_NET
    if net in CATALOG and CATALOG[net].rule is not None:
        raise UsageError(f"{net} learns by its own rule, which has no optimizer to try. Give another --net.")
    device = device_of(settings.device, place())
    keep_freed_memory()
    prepared = prepare_measured(data, replace(settings, time=None), progress, device=device)
    return Start(prepared, device)
