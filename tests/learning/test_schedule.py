import itertools

import pytest

from striate.cli.train import command
from striate.learning.schedule import SCHEDULES, WARM_UP, Plateau, rate_factor


@pytest.mark.parametrize(
    ("name", "warmup", "progress", "factor"),
    [
        ("constant", 0, 0, 1),
        ("constant", 0, 1, 1),
        ("plateau", 0, 0.5, 1),
        ("cosine", 0, 0, 1),
        ("cosine", 0, 0.5, 0.5),
        ("cosine", 0, 1, 0),
        ("step", 0, 0, 1),
        ("step", 0, 0.499, 1),
        ("step", 0, 0.5, 0.1),
        ("step", 0, 0.749, 0.1),
        ("step", 0, 0.75, 0.01),
        ("step", 0, 1, 0.01),
        ("one-cycle", 0.2, 0, 0.1),
        ("one-cycle", 0.2, 0.1, 0.55),
        ("one-cycle", 0.2, 0.2, 1),
        ("one-cycle", 0.2, 0.6, 0.5),
        ("one-cycle", 0.2, 1, 0),
        ("constant", 0.5, 0.25, 0.55),
        # What is left of the run is the schedule's: it is half done at 0.75.
        ("cosine", 0.5, 0.5, 1),
        ("cosine", 0.5, 0.75, 0.5),
        ("step", 0.5, 0.7499, 1),
        ("step", 0.5, 0.75, 0.1),
    ],
)
def test_a_schedule_gives_these_factors_of_the_peak(
    name: str, warmup: float, progress: float, factor: float
) -> None:
    assert rate_factor(name, progress, warmup=warmup) == pytest.approx(factor, abs=1e-12)


@pytest.mark.parametrize("warmup", [0.0, 0.2, 0.9])
@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"step"}))
def test_a_schedule_stays_between_nothing_and_the_peak_and_does_not_jump(name: str, warmup: float) -> None:
    factors = [rate_factor(name, i / 1000, warmup=warmup) for i in range(1001)]
    assert max(factors) == pytest.approx(1, abs=0.01)
    assert min(factors) >= 0
    assert max(abs(a - b) for a, b in itertools.pairwise(factors)) < 0.02


def test_one_cycle_warms_up_by_itself() -> None:
    assert WARM_UP == {"one-cycle": 0.2}


def test_the_rate_falls_after_so_many_epochs_without_a_better_loss() -> None:
    plateau, falls = Plateau(), []
    for loss in (2.0, 1.0, 1.0, 0.99995, 1.5, 0.9, 0.95, 0.95, 0.9, 0.95, 0.95, 0.8):
        plateau = plateau.after(loss, patience=3)
        falls.append(plateau.falls)
    # 0.99995 is not better than 1 by a ten-thousandth.
    assert falls == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert plateau == Plateau(best=0.8, waited=0, falls=2)
    assert plateau.factor == pytest.approx(0.01)


def test_with_a_patience_of_one_the_first_epoch_that_is_not_better_counts() -> None:
    assert Plateau(best=1.0).after(1.0, patience=1) == Plateau(best=1.0, waited=0, falls=1)


def test_the_command_line_offers_every_schedule() -> None:
    flag = next(param for param in command.params if param.name == "schedule")
    assert list(flag.type.choices) == list(SCHEDULES)  # type: ignore[attr-defined]
