"""The running mean of a loss."""

from collections.abc import Sequence

# How much of the mean is kept from step to step.
KEPT = 0.8


def smooth(losses: Sequence[float]) -> list[float]:
    """Return the running mean in which each step before counts 0.8 of the next, made right for its short beginning."""
    smoothed, total = [], 0.0
    for number, loss in enumerate(losses, 1):
        total = KEPT * total + (1 - KEPT) * loss
        smoothed.append(total / (1 - KEPT**number))
    return smoothed
