"""The settings of a training that a user may give; those left out are chosen."""

from dataclasses import dataclass, fields, replace
from typing import get_args

from striate.data.augment.augment import PRESETS, Augment
from striate.data.augment.mix import Mix
from striate.declared import declared
from striate.errors import UsageError, unknown
from striate.learning.dropout import OWN_DROPOUT
from striate.learning.finetune import FREEZES
from striate.pictures.fit import Fit
from striate.pictures.pixels import Depth
from striate.runs.folder.recipe import refuse_bad_values


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user asks of a run. None leaves the choice to striate; a share is a number from 0 to 1.

    net: name of the catalogue, spec, or class in a file such as 'net.py:Net'; None: resnet9.
    weights: .safetensors or .pth file to start from, or 'imagenet' for the published ones; None: fresh weights.
    size: side of the square network input, in pixels; None: the network's own, or by the pictures' median side.
    fit: how a picture becomes square, 'crop' or 'squash'.
    depth: bits a value is kept in, 8 or 16; None: 16 where all pictures looked at have more than 8.
    augment: a name of PRESETS or an Augment; None: by channels, size and task.
    erasing: share of the training pictures that get a box of noise; None: that of `augment`.
    mixup, cutmix: alphas of Mix, from 0 to 100; 0: off.
    epochs: passes over the training pictures, at least 1; None: about 70,000 pictures in all, 5 to 40 epochs.
    time: chooses the epochs that fit in it, such as '90s', '10m' or '1h30m', reading and report included.
    batch: pictures in a step, over all ranks, at least 1; None: 16 to 128.
    optimizer: a name of OPTIMIZERS; None: 'nesterov'.
    lr: peak learning rate, at least 0; None: by network, optimizer and batch.
    momentum: at least 0 and under 1; beta 1 of adam and adamw; None: by optimizer.
    weight_decay: at least 0; norms and biases do not decay; None: by optimizer.
    label_smoothing: share of the target spread over all classes, under 1; None: 0.1 for classes, else 0.
    class_weights: how rare classes are weighted in the loss, 'none', 'balanced' or 'sqrt'; None: 'none'.
    sampling: how often a class is drawn, 'natural' or 'balanced'; None: 'natural'.
    schedule: a name of SCHEDULES.
    warmup: share of a schedule in which the learning rate rises to `lr`, under 1; None: 0.2 of one-cycle, else 0.
    plateau_patience: epochs the schedule 'plateau' waits for a lower loss, at least 1; None: 3.
    layout: memory order of weights and pictures, 'channels_last' or 'contiguous'; None: what is quickest here.
    precision: autocast of convolutions and matrix products, 'fp32' (none), 'bf16' or 'fp16'; None: likewise.
    compile: whether torch.compile compiles the network; None: tried where a run takes 20 minutes or more.
    seed: decides weights, order, augmentation and split, at least 0 and under 2^63.
    checkpoint_every: steps between checkpoints, beside those at the end of each epoch; 0: none.
    accumulate: micro-batches of a step (gradient accumulation), from 1 to `batch`.
    clip_norm: largest norm of the gradient, at least 0; 0: no clipping.
    ema: decay of the moving average of the weights, which is then the result, under 1; 0: no average.
    on_divergence: on numbers that are not finite, 'rollback' (go back and on with a lower rate) or 'stop'.
    threads: threads that decode pictures, at least 1; they do not change the result.
    allow_bad: whether to train although more than 1 % of the pictures cannot be read.
    pack: whether decoded pictures are kept in the cache folder; does not change the result.
    tensorboard: whether TensorBoard's event files are written too.
    sync_bn: whether batch norms normalise over the pictures of all ranks.
    device: 'auto', 'cpu', 'cuda' or one such as 'cuda:1'.
    freeze: which layers are frozen: 'none', 'body' (all below the head), 'auto' (those for a fifth of the run, under a
        new head).
    body_lr: learning rate of the layers below the head, as a share of the head's; None: 0.1 under a new head, else 1.
    patience: epochs without a lower validation loss after which a run stops early, its best weights the result; 0: off.
    val: whether a tenth of the training pictures is held out for validation where the data have none for it.
    progressive: side of the pictures at the start, as a share of the full side, over 0; 1: full size from the start.
    calibrate: whether temperature and thresholds are fitted to the validation pictures.
    dropout: rate of the network's dropout layers, at least 0 and under 1; -1: the network's own.
    """

    net: str | None = None
    weights: str | None = None
    size: int | None = None
    fit: Fit = "crop"
    depth: Depth | None = None
    augment: str | Augment | None = None
    erasing: float | None = None
    mixup: float = 0.0
    cutmix: float = 0.0
    epochs: int | None = None
    time: str | None = None
    batch: int | None = None
    optimizer: str | None = None
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    class_weights: str | None = None
    sampling: str | None = None
    schedule: str = "one-cycle"
    warmup: float | None = None
    plateau_patience: int | None = None
    layout: str | None = None
    precision: str | None = None
    compile: bool | None = None
    seed: int = 0
    checkpoint_every: int = 0
    accumulate: int = 1
    clip_norm: float = 0.0
    ema: float = 0.0
    on_divergence: str = "rollback"
    threads: int = 4
    allow_bad: bool = False
    pack: bool = True
    tensorboard: bool = False
    sync_bn: bool = False
    device: str = "auto"
    freeze: str = "auto"
    body_lr: float | None = None
    patience: int = 0
    val: bool = False
    progressive: float = 1.0
    calibrate: bool = True
    dropout: float = OWN_DROPOUT

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, declared(each.name, getattr(self, each.name), each.type))
        for name in ("size", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; it must be at least 1.")
        if self.time is not None and self.epochs is not None:
            raise UsageError("time and epochs are both given; a time chooses the epochs. Keep one.")
        if self.fit not in get_args(Fit):
            raise unknown("fit", self.fit, get_args(Fit))
        if isinstance(self.augment, str) and self.augment not in PRESETS:
            raise unknown("augmentation", self.augment, PRESETS)
        refuse_bad_values({name: value for name, value in vars(self).items() if value is not None})
        if self.plateau_patience is not None and self.schedule != "plateau":
            raise UsageError(f"--plateau-patience is for --schedule plateau, and this is {self.schedule}.")
        replace(PRESETS["none"], erasing=self.erasing or 0.0)  # refuses what is no share
        Mix(mixup=self.mixup, cutmix=self.cutmix)
        if self.freeze not in FREEZES:
            raise unknown("freeze", self.freeze, FREEZES)
        if self.depth not in (None, *get_args(Depth)):
            raise UsageError(f"depth is {self.depth}; it must be 8 or 16.")
