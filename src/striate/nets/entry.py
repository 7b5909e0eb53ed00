"""What the catalogue knows of a network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from striate.nets.rule import LearningRule


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network: `make(num_classes, in_channels=..., **settings)` and the facts a test holds it to.

    `params` are the trainable ones and `macs` the multiply-adds of convolutions and linear layers, both at
    `input` (CHW) and `num_classes`, auxiliary heads left out. `smallest` is the side of the smallest image
    that still makes sense to it. `errata` says where paper, arithmetic and common code disagree.

    `auxiliary` is the number of parameters that only training uses. Where it is not 0 the network returns a
    tuple in training mode, the logits first and those of each auxiliary head after them, and the training
    loss is that of the logits plus `auxiliary_weight` times that of each head. In eval mode it returns the
    logits.

    `rule` makes the network's own way of learning; None is back-propagation. `unit_pixels` says that it wants
    pixels from 0 to 1, not normalised ones.
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
    url: str = ""
    smallest: int = 32
    auxiliary: int = 0
    auxiliary_weight: float = 0.0
    rule: Callable[[Any], LearningRule] | None = None
    unit_pixels: bool = False
    errata: tuple[str, ...] = ()
