import numpy as np
import pytest
import torch
from oracle import oracle

from striate.tasks.regression import TargetScores

# The second target is answered worse than by its mean, the third never changes.
SCORES = TargetScores(
    losses=torch.tensor([0.25, 0.75]).double(),
    labels=torch.tensor([[1.0, 10.0, 5.0], [3.0, 20.0, 5.0]]).double(),
    answers=torch.tensor([[1.0, 20.0, 5.0], [2.0, 10.0, 6.0]]).double(),
    baseline=torch.tensor([1.0, 15.0, 5.0]).double(),
)


def test_errors_are_in_the_targets_units_with_those_of_the_mean_beside_them() -> None:
    rows = SCORES.per_class(("a", "b", "c"))
    assert [row["target"] for row in rows] == ["a", "b", "c"]
    assert [row["mae"] for row in rows] == [0.5, 10, 0.5]
    assert [row["rmse"] for row in rows] == pytest.approx([0.5**0.5, 10, 0.5**0.5])
    assert [row["baseline_mae"] for row in rows] == [1, 5, 0]
    assert [row["baseline_rmse"] for row in rows] == pytest.approx([2**0.5, 5, 0])
    assert [row["r2"] for row in rows] == [0.5, -3, None]


def test_the_score_is_the_mean_r2_of_the_targets_that_have_one() -> None:
    assert SCORES.score == -1.25
    assert (SCORES.loss, SCORES.images) == (0.5, 2)
    assert SCORES.values() == {
        "r2": -1.25,
        "mae": [0.5, 10, 0.5],
        "rmse": pytest.approx([0.5**0.5, 10, 0.5**0.5]),
        "baseline_mae": [1, 5, 0],
        "baseline_rmse": pytest.approx([2**0.5, 5, 0]),
    }


def test_scores_are_told_in_words() -> None:
    assert SCORES.text == "R2 -1.250"
    assert SCORES.lines(("a", "b", "각도"))[1:] == [
        " -3.000 R2          10 MAE (5)          10 RMSE (5)  b",
        "      - R2         0.5 MAE (0)      0.7071 RMSE (0)  각도",
    ]


def test_one_picture_has_no_r2() -> None:
    one = TargetScores(*(torch.ones(1, 1).double() for _ in range(3)), torch.ones(1).double())
    assert one.score is None
    assert one.text == "R2 -"


@pytest.mark.parametrize("seed", range(3))
def test_the_scores_are_those_of_scikit_learn(seed: int) -> None:
    metrics, draw = oracle("sklearn.metrics"), np.random.default_rng(seed)
    truth = draw.normal(5, 2, (40, 3))
    answers = truth + draw.normal(0, 2, (40, 3))
    scores = TargetScores(
        torch.zeros(40), torch.from_numpy(truth), torch.from_numpy(answers), torch.zeros(3).double()
    )
    raw = {"multioutput": "raw_values"}
    assert scores.r2.tolist() == pytest.approx(metrics.r2_score(truth, answers, **raw))
    assert scores.mae.tolist() == pytest.approx(metrics.mean_absolute_error(truth, answers, **raw))
    assert scores.rmse.tolist() == pytest.approx(metrics.root_mean_squared_error(truth, answers, **raw))
    assert scores.score == pytest.approx(metrics.r2_score(truth, answers))
