"""The learning rate as a function of how far a run has come, so that a schedule has no state to lose.

Only the plateau has a state, what the watched loss has been; it is kept with the loop's position.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

# The share of the peak from which a warm-up rises.
FIRST = 0.1
# Schedule -> the share of the run in which its rate rises where nothing else is asked.
WARM_UP = {"one-cycle": 0.2}
# Where the step schedule falls, and to what share of the rate before (He et al. 2016, section 4.2: 32k and 48k of 64k).
MILESTONES = (1 / 2, 3 / 4)
FALL = 0.1
# What counts as better on a plateau: a loss lower by this share, as in torch.optim.lr_scheduler.ReduceLROnPlateau.
BETTER = 1e-4


def constant(progress: float) -> float:
    """Return 1: the rate stays."""
    return 1.0


def linear(progress: float) -> float:
    """Return a straight fall from 1 to 0; after a warm-up of a fifth it is one cycle (after Smith 2018)."""
    return 1 - progress


def cosine(progress: float) -> float:
    """Return half a cosine from 1 to 0 (Loshchilov, Hutter 2017, without restarts)."""
    return (1 + math.cos(math.pi * progress)) / 2


def step(progress: float) -> float:
    """Return 1, a tenth from half of the way on, and a hundredth from three quarters on (He et al. 2016)."""
    return FALL ** sum(progress >= milestone for milestone in MILESTONES)


# Name -> factor of the peak rate at progress 0..1, warm-up apart. That of the plateau is in Plateau.
SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "one-cycle": linear,
    "cosine": cosine,
    "step": step,
    "constant": constant,
    "plateau": constant,
}


def rate_factor(schedule: str, progress: float, *, warmup: float) -> float:
    """Return the share of the peak rate at `progress` of a run: a straight rise over `warmup` of it, then the schedule.

    The schedule has what is left of the run to itself. The rise is from a tenth (after Goyal et al. 2017, section 2.2).
    """
    if progress < warmup:
        return FIRST + (1 - FIRST) * progress / warmup
    return SCHEDULES[schedule]((progress - warmup) / (1 - warmup))


@dataclass(frozen=True)
class Plateau:
    """What the watched loss of a run has been: the best, the epochs since without a better one, the falls so far."""

    best: float | None = None
    waited: int = 0
    falls: int = 0

    @property
    def factor(self) -> float:
        """The share of the peak rate that is left."""
        return FALL**self.falls

    def after(self, loss: float, *, patience: int) -> "Plateau":
        """Return the state after an epoch of this loss; the rate falls after `patience` epochs without a better one."""
        if self.best is None or loss < self.best * (1 - BETTER):
            return replace(self, best=loss, waited=0)
        if self.waited + 1 < patience:
            return replace(self, waited=self.waited + 1)
        return replace(self, waited=0, falls=self.falls + 1)
