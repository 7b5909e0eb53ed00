"""The learning rate as a function of how far a run has come, so that a schedule has no state to lose."""

import math
from collections.abc import Callable, Mapping

# The share of a one-cycle run in which the rate rises, and the share of the peak it starts from.
WARM_UP = 0.2
FIRST = 0.1


def constant(progress: float) -> float:
    """Return 1: the rate stays."""
    return 1.0


def cosine(progress: float) -> float:
    """Return half a cosine from 1 to 0 (Loshchilov, Hutter 2017, without restarts)."""
    return (1 + math.cos(math.pi * progress)) / 2


def one_cycle(progress: float) -> float:
    """Return a straight rise to 1, then a straight fall to 0 (after Smith 2018)."""
    if progress < WARM_UP:
        return FIRST + (1 - FIRST) * progress / WARM_UP
    return (1 - progress) / (1 - WARM_UP)


# Name -> factor of the peak rate at progress 0..1.
SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "one-cycle": one_cycle,
    "cosine": cosine,
    "constant": constant,
}
