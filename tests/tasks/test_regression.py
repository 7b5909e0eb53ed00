import pytest
import torch
from torch import nn

from striate.errors import UsageError
from striate.tasks.regression import Regression, Scale, TargetScores, scale_of
from striate.tasks.scoring import evaluate
from striate.tasks.task import AUXILIARY_WEIGHT

TASK = Regression(("x", "반지름"), Scale((100.0, -2.0), (10.0, 0.5)))
# In deviations: x is 0 and 1 off the mean, the radius 0 and -2.
LABELS = torch.tensor([[100.0, -2.0], [110.0, -3.0]])


def huber(error: float) -> float:
    return error**2 / 2 if abs(error) <= 1 else abs(error) - 0.5


def test_the_loss_is_hubers_in_standard_units() -> None:
    outputs = torch.tensor([[0.5, 0.0], [4.0, -2.25]])
    errors = [0.5, 0.0, 3.0, -0.25]
    assert TASK.loss(outputs, LABELS).item() == pytest.approx(sum(map(huber, errors)) / 4)
    both = TASK.loss((outputs, outputs), LABELS).item()
    assert both == pytest.approx(sum(map(huber, errors)) / 4 * (1 + AUXILIARY_WEIGHT))


def test_answers_are_in_the_users_units() -> None:
    answers = TASK.answers(torch.tensor([[0.0, 0.0], [1.0, -2.0]]))
    assert answers.tolist() == LABELS.tolist()
    (guess,) = TASK.guesses(torch.tensor([[2.0, 1.0]]))
    assert [(estimate.label, estimate.value) for estimate in guess] == [("x", 120.0), ("반지름", -1.5)]
    assert [str(estimate) for estimate in guess] == ["       120  x", "      -1.5  반지름"]
    assert guess[0].to_dict() == {"target": "x", "value": 120.0}


def test_a_number_of_likeliest_answers_makes_no_sense() -> None:
    with pytest.raises(UsageError) as raised:
        TASK.guesses(torch.zeros(1, 2), top=3)
    assert str(raised.value) == (
        "top 3 asks for the likeliest classes, and this network gives numbers. Leave it out."
    )


def test_the_mean_score_over_the_training_pictures_is_their_r2() -> None:
    torch.manual_seed(0)
    labels = torch.randn(50, 2) * torch.tensor([3.0, 40.0]) + torch.tensor([7.0, 1000.0])
    task = Regression(("a", "b"), scale_of(labels))
    outputs = torch.randn(50, 2)
    scores = task.scores(*task.judge(outputs, labels))
    assert scores.score is not None
    assert task.score(outputs, labels) / 50 == pytest.approx(scores.score, rel=1e-5)


def test_large_numbers_that_differ_little_keep_their_differences() -> None:
    labels = torch.tensor([[16_000_000.0], [16_000_002.0], [16_000_004.0]])
    task = Regression(("year",), scale_of(labels))
    assert task.scale.mean == (16_000_002.0,)
    assert task.loss(torch.tensor([[-(1.5**0.5)], [0.0], [1.5**0.5]]), labels).item() == pytest.approx(
        0, abs=1e-12
    )


def test_a_target_that_never_changes_has_a_deviation_of_1() -> None:
    assert scale_of(torch.tensor([[3.0, 1.0], [3.0, 5.0]])) == Scale((3.0, 3.0), (1.0, 2.0))


def test_an_evaluation_in_batches_is_that_of_all_at_once() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 2)).train()
    images, labels = torch.randn(10, 3, 2, 2), torch.randn(10, 2) * 10 + 100
    scores = evaluate(model, zip(images.split(4), labels.split(4), strict=True), TASK)
    assert isinstance(scores, TargetScores)
    assert model.training
    with torch.no_grad():
        outputs = model.eval()(images)
    assert scores.loss == pytest.approx(TASK.loss(outputs, labels).item(), rel=1e-6)
    torch.testing.assert_close(scores.answers, TASK.answers(outputs))
