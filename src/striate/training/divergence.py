"""Divergence: numbers of a run that are not finite, and the errors a user gets for them."""

from pathlib import Path

from striate.errors import DivergedError, command
from striate.runs.folder.recovery import Recovery

# The highest usual peak learning rate of any optimizer at batch 128. Where the rate is above it even after the
# rollbacks, the advice is to leave --lr out.
HIGHEST = 1.0


class Divergence(Exception):
    """Step `step` gave a number that is not finite, as `reason` says.

    `by_rate` says whether a lower learning rate may help; it cannot where the batch itself is not finite.
    """

    def __init__(self, reason: str, *, step: int, steps: int, by_rate: bool = True) -> None:
        super().__init__(f"{reason} at step {step} of {steps}")
        self.reason = reason
        self.step = step
        self.by_rate = by_rate


def bad_input(folder: Path, divergence: Divergence) -> DivergedError:
    """Return the error for a batch with pictures or labels that are not finite, for which no rollback is tried."""
    return DivergedError(
        f"{divergence}; nothing of it was saved. No rate helps against that: mend the data, then go on with: "
        f"{command('resume', folder)}"
    )


def stopped(folder: Path, divergence: Divergence, recovery: Recovery, *, lr: float) -> DivergedError:
    """Return the error for a run that stops with its last rollback still to be made, which a resume will make."""
    return DivergedError(
        f"{divergence}; nothing of it was saved. Go on from step {recovery.rollbacks[-1].to} with a peak rate of "
        f"{lr * recovery.rate:g}: {command('resume', folder)}"
    )


def given_up(folder: Path, recovery: Recovery, *, lr: float) -> DivergedError:
    """Return the error for a run that diverged again after the most rollbacks allowed."""
    low = lr * recovery.rate
    advice = "leave --lr out, so that one is chosen" if low > HIGHEST else f"such as --lr {low / 10:.1g}"
    return DivergedError(
        f"{recovery.given_up}, as at higher rates before; nothing of it was saved. After {len(recovery.rollbacks)} "
        f"rollbacks the peak rate was {low:.3g}. Train again with a lower one: {advice}. The run until then: {folder}"
    )
