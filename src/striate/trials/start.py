"""What trials share with `striate train` and with each other: the same weights to begin with, the same batches."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import torch
from torch import nn

from striate.data.draw import key
from striate.data.loader import Batch
from striate.data.mix import Mix
from striate.data.pictures import Source
from striate.data.progress import Progress
from striate.errors import UsageError
from striate.heap import keep_freed_memory
from striate.nets.catalog import CATALOG
from striate.nets.pretrained import start_from
from striate.preparation import Prepared, prepare
from striate.run import fresh_model
from striate.training.choice import DEFAULT_NET, Facts, Settings, choose_plan, count_layers, has_norms
from striate.training.optim import Hyper, make_optimizer, refuse_without_filters
from striate.training.recipe import LAYOUTS, Plan
from striate.training.step import BackPropagation, Outcome


@dataclass(frozen=True)
class Start:
    """A data set read and a recipe chosen, from which any number of trials begin alike."""

    prepared: Prepared

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
        layout = LAYOUTS[recipe.train.layout]
        return model.to(memory_format=layout).train()  # type: ignore[call-overload]  # torch's stubs lack it

    def batches(self) -> Iterator[Batch]:
        """Yield the batches of training, epoch after epoch, without end."""
        loader, plan = self.prepared.loader("train"), self.plan
        mix = Mix(mixup=plan.mixup, cutmix=plan.cutmix, classes=len(self.prepared.classes))
        for epoch in count():
            yield from loader.training(epoch, augment=plan.augment, mix=mix)

    def with_optimizer(self, name: str, settings: Settings) -> Plan:
        """Return the plan by another optimizer: its usual rate, momentum and decay where `settings` leave them open.

        Raises UsageError where the optimizer does not suit the network.
        """
        recipe, model = self.prepared.recipe, self.model()
        refuse_without_filters(name, model, net=recipe.net)
        facts = Facts(
            pictures=len(self.prepared.stores["train"]),
            grey=recipe.preprocess.channels == 1,
            side=min(recipe.preprocess.size),
            net=recipe.net,
            normed=has_norms(model),
            layers=count_layers(model),
            pretrained=bool(recipe.weights),
            task=recipe.task,
        )
        chosen, _ = choose_plan(replace(settings, optimizer=name, batch=self.plan.batch), facts)
        return replace(
            self.plan,
            optimizer=name,
            lr=chosen.lr,
            momentum=chosen.momentum,
            weight_decay=chosen.weight_decay,
        )


class Trial:
    """One network on its way, by one optimizer."""

    def __init__(self, start: Start, plan: Plan) -> None:
        self.model = start.model()
        self._seed = start.prepared.recipe.seed
        hyper = Hyper(plan.lr, plan.momentum, plan.weight_decay)
        optimizer = make_optimizer(plan.optimizer, self.model, hyper)
        self._learner = BackPropagation(self.model, start.prepared.task, optimizer)

    def step(self, number: int, batch: Batch, *, lr: float, progress: float) -> Outcome:
        """Make step `number`, its dropout and the like drawn as in training; raises NotFiniteError."""
        torch.manual_seed(key("step", seed=self._seed, step=number))
        return self._learner.step(batch, lr=lr, progress=progress)


def begin(data: str | Path | Source, settings: Settings, progress: Progress) -> Start:
    """Read a data set and choose what `settings` leave open; raises as `striate.train` does, before the first step."""
    net = settings.net or DEFAULT_NET
    if net in CATALOG and CATALOG[net].rule is not None:
        raise UsageError(f"{net} learns by its own rule, which has no optimizer to try. Give another --net.")
    keep_freed_memory()
    return Start(prepare(data, settings, progress))
