"""A run whose numbers are no longer finite: what became so, and what the user is told."""

from pathlib import Path

from striate.errors import DivergedError, command
from striate.runs.folder.recovery import Recovery

# A peak rate above which none is ever chosen: whoever gave one does better to give none.
HIGHEST = 1.0


class Divergence(Exception):
    """A number of the step numbered `step` is not finite, as `reason` says; a lower rate may help where `by_rate`."""

    def __init__(self, reason: str, *, step: int, steps: int, by_rate: bool = True) -> None:
        super().__init__(f"{reason} at step {step} of {steps}")
        self.reason = reason
        self.step = step
        self.by_rate = by_rate


def bad_input(folder: Path, divergence: Divergence) -> DivergedError:
    """Return the error for pictures or labels that are not finite, whatever the rate."""
    return DivergedError(
        f"{divergence}; nothing of it was saved. No rate helps against that: mend the data, then go on with: "
        f"{command('resume', folder)}"
    )


def stopped(folder: Path, divergence: Divergence, recovery: Recovery, *, lr: float) -> DivergedError:
    """Return the error for a run that stops, as asked, before it goes back to where `recovery` says."""
    return DivergedError(
        f"{divergence}; nothing of it was saved. Go on from step {recovery.rollbacks[-1].to} with a peak rate of "
        f"{lr * recovery.rate:g}: {command('resume', folder)}"
    )


def given_up(folder: Path, recovery: Recovery, *, lr: float) -> DivergedError:
    """Return the error for a run that has diverged too often."""
    low = lr * recovery.rate
    advice = "leave --lr out, so that one is chosen" if low > HIGHEST else f"such as --lr {low / 10:.1g}"
    return DivergedError(
        f"{recovery.given_up}, as at higher rates before; nothing of it was saved. After {len(recovery.rollbacks)} "
        f"rollbacks the peak rate was {low:.3g}. Train again with a lower one: {advice}. The run until then: {folder}"
    )
