"""Choosing what the user left open, each choice with its reason."""

import math
from dataclasses import dataclass, replace
from typing import Any

from striate.data.augment.augment import PRESETS, Augment
from striate.errors import UsageError
from striate.learning.finetune import BODY_LR, freeze_share
from striate.learning.optim import OPTIMIZERS
from striate.learning.schedule import WARM_UP
from striate.preparing.settings import Settings
from striate.runs.folder.recipe import Plan
from striate.sources.targets.kind import TARGET_KINDS
from striate.sources.targets.task_name import ONE_CLASS, TaskName
from striate.tasks.catalog import TASKS

# The network of a run for which none was named; docs/log.md has the measurement behind it.
DEFAULT_NET = "resnet9"
# Pictures seen in a run of chosen length, and the fewest and most epochs that may take.
PICTURES_SEEN = 70_000
EPOCHS = (5, 40)
# The side from which pictures are cropped as photographs are, rather than shifted.
CROPPED_SIDE = 64
STEPS_PER_EPOCH = 20
BATCHES = (16, 32, 64, 128)
# Network -> its usual memory order, quicker on every processor tried; docs/log.md has the numbers.
LAYOUT = {DEFAULT_NET: "channels_last"}
# The kinds of network for which an optimizer has its own rate.
NORMING = {"norms": "norms", "few": "no norms, few layers", "many": "no norms, many layers"}
# Divisors of the usual peak learning rate for a network with given weights: FINE_TUNING where all layers learn at that
# rate; HEAD, by the optimizer's `power`, where it is the head's and the layers below learn more slowly or not at all.
# Even there SGD's is divided, since the inputs of the head are hundreds of trained features.
FINE_TUNING = 10
HEAD = {1: 5, 0.5: 1}
# Convolutions and linear layers from which a network without norms is called deep: AlexNet's eight.
DEEP = 8
# Epochs the plateau schedule waits for a better loss.
PATIENCE = 3
USUAL = {"class_weights": "none", "sampling": "natural"}
# Settings that only back-propagation uses; values of settings that ask for nothing; settings that numbers to learn have
# no use for.
OF_BACK_PROPAGATION = (
    "optimizer", "momentum", "weight_decay", "label_smoothing", "class_weights", "accumulate", "clip_norm",
    "freeze", "body_lr", "precision", "compile",
)  # fmt: skip
OFF = {
    "label_smoothing": 0.0,
    "class_weights": "none",
    "sampling": "natural",
    "accumulate": 1,
    "clip_norm": 0.0,
    "freeze": "auto",
}
OF_CLASSES = ("label_smoothing", "class_weights", "sampling")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the choices rest on.

    `pictures`: the number of training pictures.
    `grey`: whether they have one channel.
    `side`: the shorter side of the network's input, in pixels.
    `net`: the network's name in the recipe.
    `normed`: whether it has normalisation layers.
    `layers`: the number of its convolutions and linear layers.
    `own_rate`: the usual learning rate of its own learning rule; None where it learns by back-propagation.
    `pretrained`: whether it starts from given weights.
    `new_head`: whether these are for other classes, so that the head starts fresh.
    `task`: what is predicted.
    """

    pictures: int
    grey: bool
    side: int
    net: str
    normed: bool
    layers: int
    own_rate: float | None = None
    pretrained: bool = False
    new_head: bool = False
    task: TaskName = ONE_CLASS


@dataclass(frozen=True)
class Chosen:
    """A value chosen for the user, and why."""

    name: str
    value: int | float | str
    reason: str

    def __str__(self) -> str:
        value = f"{self.value:.4g}" if isinstance(self.value, float) else self.value
        return f"{self.name} {value}: {self.reason}"


def resolve_augment(settings: Settings, *, grey: bool, side: int, task: TaskName) -> Augment:
    """Return the augmentation that `settings` ask for, or the one chosen by channels, side and task."""
    chosen = settings.augment or str(_augment(grey=grey, side=side, task=task).value)
    augment = PRESETS[chosen] if isinstance(chosen, str) else chosen
    return augment if settings.erasing is None else replace(augment, erasing=settings.erasing)


def choose_plan(settings: Settings, facts: Facts) -> tuple[Plan, list[Chosen]]:
    """Return the plan of a run, each setting as asked or chosen, and the choices made for the user.

    Raises UsageError for settings that do not go with the network, the weights or the optimizer.
    """
    if facts.own_rate is not None and (settings.mixup or settings.cutmix):
        raise UsageError(
            f"{facts.net} learns by its own rule, which takes one label a picture. Leave mixup and cutmix at 0."
        )
    _refuse_tuning_nothing(settings, facts)
    tuning, tuned = _fine_tuning(settings, facts)
    batch = settings.batch or _batch(facts.pictures)
    optimizer = settings.optimizer or "nesterov"
    if settings.momentum and OPTIMIZERS[optimizer].momentum is None:
        raise UsageError(f"{optimizer} has no momentum. Leave --momentum out.")
    choices = [
        _epochs(facts.pictures),
        Chosen("batch", batch, f"for {facts.pictures:,} training pictures"),
        _augment(grey=facts.grey, side=facts.side, task=facts.task),
        Chosen("optimizer", optimizer, "the default"),
        _rate(optimizer, batch, facts, lowered=tuning["body_lr"] < 1 or tuning["frozen"] == 1),
        Chosen("weight_decay", OPTIMIZERS[optimizer].weight_decay, f"for {optimizer}"),
    ]
    asked = {choice.name: getattr(settings, choice.name) for choice in choices}
    values: dict[str, Any] = {c.name: c.value if asked[c.name] is None else asked[c.name] for c in choices}
    values["augment"] = resolve_augment(settings, grey=facts.grey, side=facts.side, task=facts.task)
    kept = (
        "schedule", "checkpoint_every", "mixup", "cutmix", "accumulate", "clip_norm", "ema", "on_divergence",
        "sync_bn",
        "patience", "progressive", "calibrate", "dropout",
    )  # fmt: skip
    values |= {name: getattr(settings, name) for name in kept}
    usually = {
        **USUAL,
        "layout": LAYOUT.get(facts.net, "contiguous"),
        "precision": "fp32",
        "compile": False,
        "label_smoothing": TASKS[facts.task].usual_smoothing,
        "momentum": OPTIMIZERS[optimizer].momentum or 0.0,
        "warmup": WARM_UP.get(settings.schedule, 0.0),
        "plateau_patience": PATIENCE,
    }
    for name, usual in usually.items():
        given = getattr(settings, name)
        values[name] = usual if given is None else given
    unused = ("optimizer", "weight_decay") if facts.own_rate is not None else ()
    told = [c for c in choices if asked[c.name] is None and c.name not in unused]
    return Plan(**values, **tuning), told + tuned


def refuse_unused(settings: Settings, *, net: str, own_rule: bool, task: TaskName) -> None:
    """Raise UsageError for a setting that would do nothing, and for data a network's own rule cannot learn from."""
    names = TARGET_KINDS[task].names_a_picture
    if own_rule and names != "one":
        raise UsageError(
            f"{net} learns by its own rule, which knows one class a picture; these data are for {task}. "
            "Give another --net."
        )
    if own_rule and (given := _given(settings, OF_BACK_PROPAGATION)):
        raise UsageError(f"{net} learns by its own rule, which has no {given}. Leave it out.")
    if names == "none" and (given := _given(settings, OF_CLASSES)):
        raise UsageError(f"{given} is for classes, and these data have numbers. Leave it out.")


def _given(settings: Settings, names: tuple[str, ...]) -> str:
    """Return the flag of the first of some settings that asks for anything, empty where none does."""
    given = (name for name in names if getattr(settings, name) not in (None, OFF.get(name)))
    flag = next(given, "")
    return flag and "--" + flag.replace("_", "-")


def _epochs(pictures: int) -> Chosen:
    fewest, most = EPOCHS
    wanted = math.ceil(PICTURES_SEEN / pictures)
    if wanted > most:
        return Chosen("epochs", most, f"the most chosen; {pictures:,} training pictures are few")
    if wanted < fewest:
        return Chosen("epochs", fewest, f"the fewest chosen; {pictures:,} training pictures are many")
    return Chosen("epochs", wanted, f"about {PICTURES_SEEN:,} pictures seen in all")


def _augment(*, grey: bool, side: int, task: TaskName) -> Chosen:
    """Return the preset of augmentation: none where it could change what the targets should be."""
    if not TARGET_KINDS[task].kept_by_motion:
        return Chosen("augment", "none", "a shift or a mirror may change the numbers")
    if grey:
        return Chosen("augment", "digits", "grey pictures")
    if side < CROPPED_SIDE:
        return Chosen("augment", "small-photos", f"colour pictures of under {CROPPED_SIDE} pixels")
    return Chosen("augment", "photos", f"colour pictures of {CROPPED_SIDE} pixels or more")


def _batch(pictures: int) -> int:
    """Return the largest of BATCHES that still leaves STEPS_PER_EPOCH, or the smallest of them."""
    return max(b for b in BATCHES if b == BATCHES[0] or b * STEPS_PER_EPOCH <= pictures)


def _refuse_tuning_nothing(settings: Settings, facts: Facts) -> None:
    """Raise UsageError where layers are to be frozen, or to learn more slowly, that start from fresh weights."""
    if facts.pretrained:
        return
    if settings.freeze == "body":
        raise UsageError(
            "freeze is 'body', and the network starts from fresh weights. Give --weights, or leave it out."
        )
    if settings.body_lr is not None:
        raise UsageError(
            "--body-lr is for a network that starts from given weights. Give --weights, or leave it out."
        )


def _fine_tuning(settings: Settings, facts: Facts) -> tuple[dict[str, Any], list[Chosen]]:
    """Return the plan's `frozen` and `body_lr`, and which of them were chosen for the user."""
    new_head = facts.new_head and facts.own_rate is None
    frozen = freeze_share(settings.freeze, new_head=new_head)
    below = BODY_LR if new_head else 1.0
    values = {"frozen": frozen, "body_lr": below if settings.body_lr is None else settings.body_lr}
    told = []
    if new_head and settings.freeze == "auto":
        told.append(Chosen("frozen", frozen, "the share of the run in which the new head learns alone"))
    if new_head and settings.body_lr is None and frozen < 1:
        told.append(Chosen("body_lr", below, "the share of the rate below the new head"))
    return values, told


def _rate(optimizer: str, batch: int, facts: Facts, *, lowered: bool) -> Chosen:
    """Return the peak learning rate: the optimizer's usual one, by the kind of network and the batch.

    From given weights it is lower, and lowest where all layers learn at it. `lowered` says that the layers below the
    head learn at a lower rate, or never.
    """
    if facts.own_rate is not None:
        return Chosen("lr", facts.own_rate, "usual for the network's own learning rule")
    method = OPTIMIZERS[optimizer]
    scale = (batch / BATCHES[-1]) ** method.power
    reason = f"for {optimizer} at batch {batch}"
    if facts.pretrained:
        peak = method.rates.norms / (HEAD[method.power] if lowered else FINE_TUNING)
        return Chosen("lr", peak * scale, f"{reason}, from given weights")
    kind = "norms" if facts.normed else "few" if facts.layers < DEEP else "many"
    if len(set(method.rates)) > 1:
        reason += f", a network with {NORMING[kind]}"
    return Chosen("lr", getattr(method.rates, kind) * scale, reason)
