"""What a user may ask of a training; what is left out is chosen."""

from dataclasses import dataclass, replace
from typing import get_args

from striate.data.augment.augment import PRESETS, Augment
from striate.data.augment.mix import Mix
from striate.errors import UsageError, unknown
from striate.learning.dropout import OWN_DROPOUT
from striate.learning.finetune import FREEZES
from striate.pictures.fit import Fit
from striate.pictures.pixels import Depth
from striate.runs.folder.recipe import refuse_bad_values


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user asks of a run; None leaves the choice to striate. The fields are those of Plan.

    `weights` is a .safetensors or .pth file to start from, or 'imagenet' for the published ones.
    `augment` is a name of PRESETS or an Augment, `erasing` replaces its share of pictures that get a box of noise;
    `mixup` and `cutmix` are alphas, 0 meaning none.
    `time`, such as '10m', chooses the epochs that fit in it, reading and report counted in.
    `size` is the side of the square network input in pixels, `depth` the bits its values are kept in; `allow_bad`
    trains on although more than 1 % of the pictures cannot be read; `threads` decode pictures and do not change the
    result, nor do `pack`, which keeps them decoded, and `tensorboard`, which writes its event files too.
    `class_weights` (none, balanced, sqrt) let rare classes count more in the loss; `sampling` (natural, balanced) has
    them drawn as often as others. `warmup` is the share of the run in which the rate rises to `lr`, `plateau_patience`
    the epochs that schedule 'plateau' waits. `layout`, `precision` and `compile` say how steps are computed; left
    open, it is as was measured to be quickest here.
    `accumulate` parts of a batch go through the network one after another; `clip_norm` is the longest gradient, `ema`
    the decay of the average of the weights, 0 meaning none; `on_divergence` is 'rollback' (go back, with a lower rate)
    or 'stop'. `sync_bn` lets batch norms see the pictures of all ranks; `device` (auto, cpu, cuda, cuda:0...) is what
    is computed on.

    With weights to start from, `freeze` (none, body, auto) says whether the layers below the head stay as they are:
    never, always, or until a new head has learned; `body_lr` is their share of the rate afterwards. `patience` ends
    the run after so many epochs without a better validation loss and takes the best epoch's weights; `val` holds a
    tenth of the training pictures out where the data have none for it. `progressive` is the share of the side that
    pictures grow from. `calibrate` fits probabilities to the validation pictures; `dropout` replaces the network's.
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
        replace(PRESETS["none"], erasing=self.erasing or 0.0)  # which refuses what is no share
        Mix(mixup=self.mixup, cutmix=self.cutmix)
        if self.freeze not in FREEZES:
            raise unknown("freeze", self.freeze, FREEZES)
        if self.depth not in (None, *get_args(Depth)):
            raise UsageError(f"depth is {self.depth}; it must be 8 or 16.")
