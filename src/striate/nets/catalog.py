"""The catalogue: one readable dict from a network's name to how it is made and what its paper says of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

from striate.nets import lenet, resnet9


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network: `make(num_classes, in_channels=..., **settings)` and the facts a test holds it to.

    `params` are the trainable ones and `macs` the multiply-adds of convolutions and linear layers, both at
    `input` (CHW) and `num_classes`, auxiliary heads left out. `errata` says where paper, arithmetic and
    common code disagree.
    """

    make: Callable[..., nn.Module]
    year: int
    paper: str
    idea: str
    input: tuple[int, int, int]
    num_classes: int
    params: int
    macs: int
    settings: Mapping[str, object] = field(default_factory=dict)
    errata: tuple[str, ...] = ()


LENET_PAPER = "LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition"

CATALOG: dict[str, Entry] = {
    "lenet5": Entry(
        make=lenet.LeNet5,
        year=1998,
        paper=LENET_PAPER,
        idea="local fields, shared weights and subsampling, trained end to end",
        input=(1, 32, 32),
        num_classes=10,
        params=60_000,
        macs=325_680,
        errata=(
            "The LeNet-5 of most tutorials has 61,706 parameters: a full C3, no trained subsampling, "
            "a linear output. That one is 'lenet5-tutorial'.",
        ),
    ),
    "lenet5-tutorial": Entry(
        make=lenet.LeNet5Tutorial,
        year=1998,
        paper=LENET_PAPER,
        idea="LeNet-5 as it is commonly coded",
        input=(1, 28, 28),
        num_classes=10,
        params=61_706,
        macs=416_520,
        errata=("The paper's own network has 60,000 parameters: 'lenet5'.",),
    ),
    "resnet9": Entry(
        make=resnet9.ResNet9,
        year=2018,
        paper="Page, How to Train Your ResNet",
        idea="the fewest layers that reach a good answer on small images; the default here",
        input=(3, 32, 32),
        num_classes=10,
        params=412_954,
        macs=24_036_608,
    ),
}
