"""An entry of the catalogue: one network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from torch import nn

from striate.learning.rule import LearningRule


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network: `make(num_classes, in_channels=..., **settings)` and the facts a test holds it to.

    `params` are the trainable ones and `macs` the multiply-adds of convolutions and linear layers, both at
    `input` (CHW) and `num_classes`, auxiliary heads left out. `smallest` is the side in pixels of the
    smallest image it must take. `errata` says where paper, arithmetic and common code disagree.

    `auxiliary` is the number of parameters that only training uses. Where it is not 0 the network returns a
    tuple in training mode, the logits first and those of each auxiliary head after them; in eval mode it
    returns the logits.

    `rule` makes the network's own learning rule, and `rate` is the rule's usual learning rate; None is
    back-propagation. `unit_pixels` says that the network takes pixels from 0 to 1, not normalised ones.
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
    rule: Callable[[Any], LearningRule] | None = None
    rate: float | None = None
    unit_pixels: bool = False
    errata: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        """Return the entry as plain values for JSON, `make` (as 'class') and `rule` by their dotted names."""
        facts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("make", "rule")}
        rule = None if self.rule is None else _dotted(self.rule)
        return {**facts, "settings": dict(self.settings), "rule": rule, "class": _dotted(self.make)}


def _dotted(maker: Callable[..., object]) -> str:
    return f"{maker.__module__}.{getattr(maker, '__name__', type(maker).__name__)}"
