"""The start of a trial, as `striate train` starts too: the same weights, the same batches."""

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import torch
from torch import nn

from striate.data.augment.mix import Mix
from striate.data.draw import key
from striate.data.loader import Batch, Loader
from striate.errors import StorageError, UsageError
from striate.host.device import device_of, seed_draws
from striate.host.launch import place
from striate.host.memory import NoRoomError, keep_freed_memory_of_ours
from striate.learning.dropout import set_dropout
from striate.learning.finetune import FineTuning
from striate.learning.optim import refuse_without_filters
from striate.learning.progressive import shrink, side_at
from striate.learning.schedule import rate_factor
from striate.nets.catalog.catalog import CATALOG
from striate.nets.weights.pretrained import start_from
from striate.preparing.choice import DEFAULT_NET, choose_plan
from striate.preparing.engine import prepare_measured
from striate.preparing.prepared import Prepared
from striate.preparing.settings import Settings
from striate.progress import Progress
from striate.runs.folder.recipe import LAYOUTS, Plan
from striate.sources.source import Source
from striate.tasks.scoring import evaluate
from striate.tasks.task import Scores
from striate.training.step import Outcome, back_propagation
from striate.training.trainee import Trainee


@dataclass(frozen=True)
class Start:
    """A prepared run on one device, from which any number of trials start alike."""

    prepared: Prepared
    device: torch.device

    @property
    def plan(self) -> Plan:
        """How the trials train, unless one says otherwise."""
        return self.prepared.recipe.train

    def model(self) -> nn.Module:
        """Return the network as it is before the first step."""
        recipe = self.prepared.recipe
        model = self.prepared.blueprint.make(seed=recipe.seed)
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
        """Return the plan with another optimizer, its usual rate, momentum and decay where `settings` leave them open.

        Raises UsageError where the optimizer does not suit the network.
        """
        facts = self.prepared.facts
        assert facts is not None, "the trials of a data set begin with `prepare`"
        refuse_without_filters(name, self.model(), net=facts.net)
        chosen, _ = choose_plan(replace(settings, optimizer=name, batch=self.plan.batch), facts)
        own = {field: getattr(chosen, field) for field in ("optimizer", "lr", "momentum", "weight_decay")}
        return replace(self.plan, **own)


class Trial:
    """One network being trained by one plan."""

    def __init__(self, start: Start, plan: Plan) -> None:
        prepared, model = start.prepared, start.model()
        self.plan = plan
        self._task = prepared.task
        self._seed = prepared.recipe.seed
        self._tuning = FineTuning(
            model, head=prepared.blueprint.head_parameters, frozen=plan.frozen, body_lr=plan.body_lr
        )
        learner = back_propagation(model, self._task, plan, tuning=self._tuning)
        self._trainee = Trainee(model, learner, ema=plan.ema)

    def step(self, number: int, batch: Batch, *, lr: float, progress: float) -> Outcome:
        """Make the step that follows `number` steps, with the random draws (such as dropout's) that training has there.

        `lr` is the learning rate, `progress` the share of the run that is done. Raises NotFiniteError, and StorageError
        where memory does not suffice.
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
        """Return the learning rate that the plan's schedule has at `progress` of the run."""
        stage = self._tuning.stage(progress)
        return self.plan.lr * rate_factor(self.plan.schedule, stage, warmup=self.plan.warmup)

    def score(self, loader: Loader) -> Scores:
        """Return the network's scores on a split."""
        with self._trainee.as_scored() as model:
            return evaluate(model, loader.evaluation(), self._task)


def begin(data: str | Path | Source, settings: Settings, progress: Progress) -> Start:
    """Read a data set and choose what `settings` leave open; raises as `striate.train` does, before the first step."""
    net = settings.net or DEFAULT_NET
    if net in CATALOG and CATALOG[net].rule is not None:
        raise UsageError(f"{net} learns by its own rule, which has no optimizer to try. Give another --net.")
    device = device_of(settings.device, place())
    keep_freed_memory_of_ours()
    prepared = prepare_measured(data, replace(settings, time=None), progress, device=device)
    return Start(prepared, device)
