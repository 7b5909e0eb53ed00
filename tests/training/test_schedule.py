import itertools

import pytest

from striate.training.schedule import SCHEDULES


@pytest.mark.parametrize(
    ("name", "progress", "factor"),
    [
        ("constant", 0, 1),
        ("constant", 1, 1),
        ("cosine", 0, 1),
        ("cosine", 0.5, 0.5),
        ("cosine", 1, 0),
        ("one-cycle", 0, 0.1),
        ("one-cycle", 0.1, 0.55),
        ("one-cycle", 0.2, 1),
        ("one-cycle", 0.6, 0.5),
        ("one-cycle", 1, 0),
    ],
)
def test_a_schedule_gives_these_factors_of_the_peak(name: str, progress: float, factor: float) -> None:
    assert SCHEDULES[name](progress) == pytest.approx(factor, abs=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_stays_between_nothing_and_the_peak_and_does_not_jump(name: str) -> None:
    factors = [SCHEDULES[name](i / 1000) for i in range(1001)]
    assert max(factors) == pytest.approx(1, abs=0.01)
    assert min(factors) >= 0
    assert max(abs(a - b) for a, b in itertools.pairwise(factors)) < 0.01
