"""The learning rate as a function of the run's progress, so that a schedule has no state to restore.

Only the plateau has state, the history of the watched loss; checkpoints hold it with the position of the loop.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

# The share of the peak rate at which a warm-up starts.
FIRST = 0.1
# Schedule -> its default warm-up, as a share of the run.
WARM_UP = {"one-cycle": 0.2}
# Where the step schedule lowers the rate, and by what factor (He et al. 2016, section 4.2: 32k and 48k of 64k).
MILESTONES = (1 / 2, 3 / 4)
FALL = 0.1
# An improvement for the plateau is a loss lower by this share, as in torch.optim.lr_scheduler.ReduceLROnPlateau.
BETTER = 1e-4


def constant(progress: float) -> float:
    """Return 1: the rate stays at its peak."""
    return 1.0


def linear(progress: float) -> float:
    """Return a linear decay from 1 to 0; after a warm-up of a fifth it is one cycle (after Smith 2018)."""
    return 1 - progress


def cosine(progress: float) -> float:
    """Return half a cosine from 1 to 0 (Loshchilov, Hutter 2017, without restarts)."""
    return (1 + math.cos(math.pi * progress)) / 2


def step(progress: float) -> float:
    """Return 1, a tenth from half of the run on, and a hundredth from three quarters on (He et al. 2016)."""
    return FALL ** sum(progress >= milestone for milestone in MILESTONES)


# Name -> factor of the peak rate at progress 0..1 after the warm-up. The plateau's own factor is Plateau.factor.
SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "one-cycle": linear,
    "cosine": cosine,
    "step": step,
    "constant": constant,
    "plateau": constant,
}


def rate_factor(schedule: str, progress: float, *, warmup: float) -> float:
    """Return the factor of the peak rate at `progress`: a linear warm-up over `warmup` of the run, then the schedule.

    The schedule runs from 0 to 1 over the rest. The warm-up starts at a tenth (after Goyal et al. 2017, section 2.2).
    """
    if progress < warmup:
        return FIRST + (1 - FIRST) * progress / warmup
    return SCHEDULES[schedule]((progress - warmup) / (1 - warmup))


@dataclass(frozen=True)
class Plateau:
    """The plateau's state: the best loss, the epochs since it improved or the rate fell, and the falls so far."""

    best: float | None = None
    waited: int = 0
    falls: int = 0

    @property
    def factor(self) -> float:
        """The factor of the peak rate."""
        return FALL**self.falls

    def after(self, loss: float, *, patience: int) -> "Plateau":
        """Return the state after an epoch of this loss; the rate falls after `patience` epochs without improvement."""
        if self.best is None or loss < self.best * (1 - BETTER):
            return replace(self, best=loss, waited=0)
        if self.waited + 1 < patience:
            return replace(self, waited=self.waited + 1)
        return replace(self, waited=0, falls=self.falls + 1)
