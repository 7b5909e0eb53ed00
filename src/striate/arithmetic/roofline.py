"""The roofline: whether arithmetic or memory bounds an operation, and the least time it can take.

Source: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore
architectures", Communications of the ACM 52(4), 2009. The time is a lower bound, no prediction: it assumes
that every byte moves once and that moving and computing overlap completely.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from striate.arithmetic.cost import Cost
from striate.errors import UsageError


@dataclass(frozen=True, slots=True)
class Machine:
    """The measured peak of a machine: floating point operations and bytes per second, of all cores used."""

    flops: float
    bandwidth: float

    def __post_init__(self) -> None:
        if not (self.flops > 0 and self.bandwidth > 0):
            raise UsageError(
                f"A machine has more than 0 FLOP/s and bytes/s; got {self.flops} and {self.bandwidth}."
            )

    @property
    def ridge(self) -> float:
        """The FLOP per byte from which on arithmetic, not memory, is the bound."""
        return self.flops / self.bandwidth


@dataclass(frozen=True, slots=True)
class Roofline:
    """An operation's place in a machine's roofline; times in seconds, intensity in FLOP per byte."""

    intensity: float
    compute_seconds: float
    memory_seconds: float

    @property
    def seconds(self) -> float:
        """The least time the operation can take."""
        return max(self.compute_seconds, self.memory_seconds)

    @property
    def bound(self) -> Literal["compute", "memory"]:
        """Which takes longer, arithmetic or memory traffic."""
        return "compute" if self.compute_seconds >= self.memory_seconds else "memory"


def roofline(cost: Cost, machine: Machine, *, element: int = 4) -> Roofline:
    """Return the roofline of a cost on a machine, with elements of `element` bytes (4: fp32)."""
    traffic = cost.traffic(element=element)
    return Roofline(
        intensity=cost.flops / traffic if traffic else 0.0,
        compute_seconds=cost.flops / machine.flops,
        memory_seconds=traffic / machine.bandwidth,
    )


def least_seconds(costs: Iterable[Cost], machine: Machine, *, element: int = 4) -> float:
    """Return the least time of operations run one after the other, each under its own bound."""
    return sum(roofline(cost, machine, element=element).seconds for cost in costs)
