"""Choosing what the user left open, each choice with its reason."""

import math
from dataclasses import dataclass
from typing import Any, get_args

from striate.data.preprocess import Fit
from striate.errors import UsageError, unknown
from striate.training.recipe import Plan

# The network of a run for which none was named; docs/log.md has the measurement behind it.
DEFAULT_NET = "resnet9"
# Pictures seen in a run of chosen length, and the fewest and most epochs that may take.
PICTURES_SEEN = 70_000
EPOCHS = (5, 40)
SMALLEST_SIDE, LARGEST_SIDE = 24, 96
# From this side on pictures are cut out of larger ones; below it they are moved.
LARGE_SIDE = 64
STEPS_PER_EPOCH = 20
BATCHES = (16, 32, 64, 128)
# Network -> the memory order that was measured to be quicker on a processor; docs/log.md has the numbers.
LAYOUT = {DEFAULT_NET: "channels_last"}
# The peak rate at the largest of BATCHES. Without norms a deep network takes what AlexNet and VGG were trained with.
RATES = {"norms": 0.1, "no norms, few layers": 0.05, "no norms, many layers": 0.01}
ADAMW_RATE = 0.002
FINE_TUNING_RATE = 0.01
# Convolutions and linear layers from which a network without norms is called deep: AlexNet's eight.
DEEP = 8
DECAY = {"sgd": 5e-4, "nesterov": 5e-4, "adamw": 0.05}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user asks of a run; None leaves the choice to striate. The fields are those of Plan.

    `weights` is a .safetensors or .pth file to start from, or 'imagenet' for the published ones.
    `size` is the side of the square network input in pixels; `allow_bad` trains on although more than 1 % of the
    pictures cannot be read; `threads` decode pictures and do not change the result.
    """

    net: str | None = None
    weights: str | None = None
    size: int | None = None
    fit: Fit = "crop"
    augment: str | None = None
    epochs: int | None = None
    batch: int | None = None
    optimizer: str | None = None
    lr: float | None = None
    momentum: float = 0.9
    weight_decay: float | None = None
    label_smoothing: float = 0.1
    schedule: str = "one-cycle"
    layout: str | None = None
    seed: int = 0
    checkpoint_every: int = 0
    threads: int = 4
    allow_bad: bool = False
    pack: bool = True

    def __post_init__(self) -> None:
        for name in ("size", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; it must be at least 1.")
        if self.fit not in get_args(Fit):
            raise unknown("fit", self.fit, get_args(Fit))


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the choices rest on: training pictures, whether they are grey, and the network.

    `normed` says whether it has normalisation layers, `layers` counts its convolutions and linear layers;
    `side` is that of what it sees; `own_rate` is the rate of its own learning rule, None where it learns by
    back-propagation;
    `pretrained` says whether it starts from weights that somebody trained.
    """

    pictures: int
    grey: bool
    net: str
    normed: bool
    layers: int
    side: int = 0
    own_rate: float | None = None
    pretrained: bool = False


@dataclass(frozen=True)
class Chosen:
    """A value chosen for the user, and why."""

    name: str
    value: int | float | str
    reason: str

    def __str__(self) -> str:
        value = f"{self.value:.4g}" if isinstance(self.value, float) else self.value
        return f"{self.name} {value}: {self.reason}"


def choose_side(*, size: int | None, median: int, own: int | None) -> tuple[int, str]:
    """Return the side of the square the network sees, and why: as asked, its own, or by the pictures' median side."""
    if size is not None:
        return size, "as asked"
    if own is not None:
        return own, "what the network was made for"
    side = max(SMALLEST_SIDE, min(LARGEST_SIDE, median) // 4 * 4)
    return side, f"the pictures' median shorter side is {median}"


def choose_augment(*, grey: bool, side: int) -> Chosen:
    """Return the preset of augmentation for what the network sees."""
    if grey:
        return Chosen("augment", "digits", "grey pictures")
    if side < LARGE_SIDE:
        return Chosen("augment", "small-photos", f"colour pictures of {side} pixels")
    return Chosen("augment", "photos", "colour pictures")


def choose_plan(settings: Settings, facts: Facts) -> tuple[Plan, list[Chosen]]:
    """Return how to train, as asked or chosen, and the choices made for the user."""
    batch = settings.batch or _batch(facts.pictures)
    optimizer = settings.optimizer or "nesterov"
    choices = [
        _epochs(facts.pictures),
        Chosen("batch", batch, f"for {facts.pictures:,} training pictures"),
        choose_augment(grey=facts.grey, side=facts.side),
        Chosen("optimizer", optimizer, "the default"),
        _rate(optimizer, batch, facts),
        Chosen("layout", LAYOUT.get(facts.net, "contiguous"), f"the quicker one measured for {facts.net}")
        if facts.net in LAYOUT
        else Chosen("layout", "contiguous", "not measured for this network"),
        Chosen("weight_decay", DECAY.get(optimizer, 0.0), f"for {optimizer}"),
    ]
    asked = {choice.name: getattr(settings, choice.name) for choice in choices}
    values: dict[str, Any] = {c.name: c.value if asked[c.name] is None else asked[c.name] for c in choices}
    kept = ("momentum", "label_smoothing", "schedule", "checkpoint_every")
    values |= {name: getattr(settings, name) for name in kept}
    unused = ("optimizer", "weight_decay") if facts.own_rate is not None else ()
    return Plan(**values), [c for c in choices if asked[c.name] is None and c.name not in unused]


def _epochs(pictures: int) -> Chosen:
    fewest, most = EPOCHS
    wanted = math.ceil(PICTURES_SEEN / pictures)
    if wanted > most:
        return Chosen("epochs", most, f"the most chosen; {pictures:,} training pictures are few")
    if wanted < fewest:
        return Chosen("epochs", fewest, f"the fewest chosen; {pictures:,} training pictures are many")
    return Chosen("epochs", wanted, f"about {PICTURES_SEEN:,} pictures seen in all")


def _batch(pictures: int) -> int:
    """Return the largest usual batch that still leaves STEPS_PER_EPOCH."""
    return max(b for b in BATCHES if b == BATCHES[0] or b * STEPS_PER_EPOCH <= pictures)


def _rate(optimizer: str, batch: int, facts: Facts) -> Chosen:
    """Return the peak rate: in proportion to the batch for SGD (Goyal et al. 2017), its root for Adam."""
    if facts.own_rate is not None:
        return Chosen("lr", facts.own_rate, "usual for the network's own learning rule")
    share = batch / BATCHES[-1]
    if optimizer == "adamw":
        rate = ADAMW_RATE / 10 if facts.pretrained else ADAMW_RATE
        return Chosen("lr", rate * share**0.5, f"for adamw at batch {batch}")
    if facts.pretrained:
        return Chosen("lr", FINE_TUNING_RATE * share, f"for {optimizer} at batch {batch}, from given weights")
    kind = (
        "norms"
        if facts.normed
        else "no norms, few layers"
        if facts.layers < DEEP
        else "no norms, many layers"
    )
    return Chosen("lr", RATES[kind] * share, f"for {optimizer} at batch {batch}, a network with {kind}")
