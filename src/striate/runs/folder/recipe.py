"""recipe.toml: everything that decides the result of a run, resolved, with no default left out."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import tomli_w
import torch

from striate.data.augment.augment import Augment
from striate.data.augment.mix import Mix
from striate.data.sampling import SAMPLINGS
from striate.errors import DataError, UsageError, unknown
from striate.host.durable import write_file
from striate.learning.dropout import OWN_DROPOUT
from striate.learning.optim import OPTIMIZERS
from striate.learning.schedule import SCHEDULES, WARM_UP
from striate.pictures.preprocess import Preprocess
from striate.sources.targets.task_name import ONE_CLASS, TaskName
from striate.tasks.catalog import CLASS_WEIGHTS
from striate.tasks.task import Scale

# Raised when a run folder changes so that older versions cannot read it.
FORMAT = 2
SEEDS = 1 << 63
LARGEST = torch.finfo(torch.float32).max
# Layout -> torch's name of it.
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
# Precision of a step -> torch's name of what its convolutions and products are cast to.
PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
ORDERS = ("shuffled", "paged")
ON_DIVERGENCE = ("rollback", "stop")
# Settings of at least 0 and under 1, and those from 0 to 1.
UNDER_ONE = ("momentum", "label_smoothing", "warmup", "ema")
SHARES = ("frozen", "body_lr")
# Setting -> what an error calls it, and the names it may have.
CHOICES: dict[str, tuple[str, Collection[str]]] = {
    "optimizer": ("optimizer", OPTIMIZERS),
    "schedule": ("schedule", SCHEDULES),
    "layout": ("layout", LAYOUTS),
    "precision": ("precision", PRECISIONS),
    "order": ("order", ORDERS),
    "class_weights": ("class weights", CLASS_WEIGHTS),
    "sampling": ("sampling", SAMPLINGS),
    "on_divergence": ("way on divergence", ON_DIVERGENCE),
}
# What the names of augmentations meant in the first recipes, which hold the name instead of the settings.
FIRST_PRESETS = {
    "none": Augment(),
    "digits": Augment(shift=0.07),
    "photos": Augment(shift=0.1, flip=True),
}
# Setting -> the least value it may have.
LEAST = {
    "epochs": 1,
    "batch": 1,
    "lr": 0,
    "momentum": 0,
    "weight_decay": 0,
    "checkpoint_every": 0,
    "plateau_patience": 1,
    "patience": 0,
    "accumulate": 1,
    "clip_norm": 0,
    "ema": 0,
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a network is trained. A share is a number from 0 to 1.

    epochs: passes over the training pictures, at least 1.
    batch: pictures in a step, over all ranks, at least 1.
    augment: what is done to training pictures.
    optimizer: a name of OPTIMIZERS.
    lr: peak learning rate, at least 0.
    momentum: at least 0 and under 1; beta 1 of adam and adamw.
    weight_decay: at least 0; norms and biases do not decay.
    label_smoothing: share of the target spread over all classes, under 1.
    schedule: a name of SCHEDULES.
    layout: memory order of weights and pictures, 'channels_last' or 'contiguous'.
    checkpoint_every: steps between checkpoints, beside those at the end of each epoch; 0: none.
    order: how an epoch is shuffled, 'shuffled' or 'paged' (see Loader).
    mixup, cutmix: alphas of Mix, from 0 to 100; 0: off.
    class_weights: how rare classes are weighted in the loss, 'none', 'balanced' or 'sqrt'.
    sampling: how often a class is drawn, 'natural' or 'balanced'.
    warmup: share of a schedule in which the learning rate rises to `lr`, under 1.
    plateau_patience: epochs the schedule 'plateau' waits for a lower loss, at least 1.
    precision: autocast of convolutions and matrix products in training, 'fp32' (none), 'bf16' or 'fp16'.
    compile: whether torch.compile compiles the network.
    accumulate: micro-batches of a step (gradient accumulation), from 1 to `batch`.
    clip_norm: largest norm of the gradient, at least 0; 0: no clipping.
    ema: decay of the moving average of the weights, which is then the result, under 1; 0: no average.
    on_divergence: on numbers that are not finite, 'rollback' or 'stop'.
    sync_bn: whether batch norms normalise over the pictures of all ranks.
    frozen: share of the run in which only the head learns (see FineTuning).
    body_lr: learning rate of the layers below the head, as a share of the head's.
    patience: epochs without a lower validation loss after which a run stops early, its best weights the result; 0: off.
    progressive: side of the pictures at the start, as a share of the full side, over 0; 1: full size from the start.
    calibrate: whether temperature and thresholds are fitted to the validation pictures.
    dropout: rate of the network's dropout layers, at least 0 and under 1; -1: the network's own.
    """

    epochs: int
    batch: int
    augment: Augment
    optimizer: str
    lr: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    schedule: str
    layout: str
    checkpoint_every: int
    order: str = "shuffled"
    mixup: float = 0.0
    cutmix: float = 0.0
    class_weights: str = "none"
    sampling: str = "natural"
    warmup: float = 0.0
    plateau_patience: int = 3
    precision: str = "fp32"
    compile: bool = False
    accumulate: int = 1
    clip_norm: float = 0.0
    ema: float = 0.0
    on_divergence: str = "rollback"
    sync_bn: bool = False
    frozen: float = 0.0
    body_lr: float = 1.0
    patience: int = 0
    progressive: float = 1.0
    calibrate: bool = True
    dropout: float = OWN_DROPOUT

    def __post_init__(self) -> None:
        Mix(mixup=self.mixup, cutmix=self.cutmix)
        refuse_bad_values(vars(self))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A run's settings as recipe.toml holds them.

    data: absolute path or address of the data set, or the name of a bundled one.
    net: a name of the catalogue, a spec, or the name of code kept with the run, such as 'net.py:Net@3f2a81c09b7d'.
    weights: absolute path of the file the network started from, or 'imagenet'; empty: fresh weights.
    seed: what all random draws depend on, at least 0 and under 2^63.
    preprocess: how a picture becomes the network's input.
    train: how the network is trained.
    task: what is predicted, 'classification', 'multi-label' or 'regression'.
    targets: mean and standard deviation of each number of a regression; empty otherwise.
    """

    data: str
    net: str
    weights: str
    seed: int
    preprocess: Preprocess
    train: Plan
    task: TaskName = ONE_CLASS
    targets: Scale = field(default_factory=Scale)

    def __post_init__(self) -> None:
        refuse_bad_values({"seed": self.seed})

    def to_dict(self) -> dict[str, Any]:
        """Return the settings by name, those of a table in a dict of their own."""
        values = asdict(self)
        if not self.targets.mean:
            del values["targets"]
        return values

    def save(self, path: Path) -> None:
        """Write recipe.toml, whole or not at all; may raise OSError."""
        write_file(path, tomli_w.dumps({"format": FORMAT, **self.to_dict()}).encode())


def refuse_bad_values(values: Mapping[str, Any]) -> None:
    """Raise UsageError for a setting that is out of range or not one of its known names.

    `values` are settings of a Plan or a Recipe by name. Those it lacks are not checked, so that a user's settings can
    be checked before the rest is chosen.
    """
    for name, (kind, known) in CHOICES.items():
        if name in values:
            _check(values[name], kind, known)
    for name in (name for name in LEAST if name in values):
        if values[name] > LARGEST:
            raise UsageError(f"{name} is {values[name]}; it must be finite in float32.")
        if not values[name] >= LEAST[name]:
            raise UsageError(f"{name} is {values[name]}; it must be at least {LEAST[name]}.")
    accumulate, batch = values.get("accumulate", 1), values.get("batch", LARGEST)
    if accumulate > batch:
        raise UsageError(f"accumulate is {accumulate}; it must be at most the batch, which is {batch}.")
    for name in (name for name in UNDER_ONE if name in values):
        if not 0 <= values[name] < 1:
            raise UsageError(f"{name} is {values[name]}; it must be at least 0 and under 1.")
    for name in (name for name in SHARES if name in values):
        if not 0 <= values[name] <= 1:
            raise UsageError(f"{name} is {values[name]}; it must be from 0 to 1.")
    if not 0 < values.get("progressive", 1) <= 1:
        raise UsageError(f"progressive is {values['progressive']}; it must be over 0 and at most 1.")
    dropout = values.get("dropout", OWN_DROPOUT)
    if dropout != OWN_DROPOUT and not 0 <= dropout < 1:
        raise UsageError(f"dropout is {dropout}; it must be at least 0 and under 1.")
    if not 0 <= values.get("seed", 0) < SEEDS:
        raise UsageError(f"seed is {values['seed']}; it must be at least 0 and under 2^63.")


def load_recipe(path: Path) -> Recipe:
    """Read recipe.toml; raises DataError where it is missing, broken or from a newer version."""
    values = _read(path)
    try:
        own = _known(Recipe, {name: values[name] for name in ("data", "net", "weights", "seed")})
        own |= _known(Recipe, {"task": values.get("task", ONE_CLASS)})
        return Recipe(
            **own,
            preprocess=Preprocess(**_known(Preprocess, values["preprocess"])),
            train=_plan(values["train"]),
            targets=Scale(**_known(Scale, values.get("targets", {}))),
        )
    except (KeyError, TypeError, AttributeError, UsageError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise DataError(f"{path}: not a whole recipe ({reason}). Restore it from a copy.") from error


def _plan(values: Mapping[str, Any]) -> Plan:
    """Return the plan of a recipe file; the first recipes hold the name of an augmentation, and no warm-up."""
    told = values["augment"]
    if isinstance(told, str):
        _check(told, "augmentation", FIRST_PRESETS)
        augment = FIRST_PRESETS[told]
    else:
        augment = Augment(**_known(Augment, told))
    warmup = WARM_UP.get(values["schedule"], 0.0)
    return Plan(**_known(Plan, {"warmup": warmup, **values, "augment": augment}))


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path.parent}: not a run folder (it has no {path.name}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Restore it from a copy.") from error
    written = values.get("format")
    if not isinstance(written, int):
        raise DataError(f"{path}: not a whole recipe ('format' is missing). Restore it from a copy.")
    if written > FORMAT:
        raise DataError(
            f"{path.parent}: written by a newer striate (run format {written}, this version reads up to {FORMAT}). "
            "Upgrade with: pip install -U striate"
        )
    return values


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values a dataclass has fields for, lists as tuples; TypeError for one of another type."""
    types = get_type_hints(kind)
    known = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if name in types}
    for name, value in known.items():
        if not _is(types[name], value):
            raise TypeError(f"{name} is {values[name]!r}")
    return known


def _is(kind: Any, value: object) -> bool:
    """Say whether a value of a TOML file is of a field's type: a number, a text, one of a few, or a tuple of these."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if kind is bool:
        return isinstance(value, bool)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        each = inner[:1] * len(value) if inner[-1] is ... else inner
        return len(each) == len(value) and all(map(_is, each, value))
    return isinstance(value, int | float if kind is float else kind) and not isinstance(value, bool)


def _check(name: str, kind: str, known: Collection[str]) -> None:
    if name not in known:
        raise unknown(kind, name, known)
