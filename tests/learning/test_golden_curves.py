"""The first 20 losses of each optimizer against golden_curves.json, which only `make golden` rewrites."""

import json

import pytest
import write_golden_curves

from striate.learning.optim import OPTIMIZERS

GOLDEN: dict[str, list[float]] = json.loads(write_golden_curves.PAGE.read_text(encoding="utf-8"))


def test_every_optimizer_has_a_curve() -> None:
    assert list(GOLDEN) == list(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_goes_the_way_it_went(name: str) -> None:
    assert write_golden_curves.curve(name) == pytest.approx(GOLDEN[name], rel=1e-6)
    assert GOLDEN[name][-1] < GOLDEN[name][0]
