import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from striate.tasks.multi_label import MultiLabel
from striate.tasks.task import AUXILIARY_WEIGHT

NAMES = ("a", "b", "c")
TASK = MultiLabel(NAMES)
LOGITS = torch.tensor([[2.0, -1.0, 0.0], [0.5, 3.0, -2.0]])
LABELS = torch.tensor([[1, 0, 0], [0, 1, 1]], dtype=torch.uint8)


def log_of(logit: float, label: float) -> float:
    """Return minus the log of the probability that a logit gives a label, one at a time."""
    p = 1 / (1 + math.exp(-logit))
    return -(label * math.log(p) + (1 - label) * math.log(1 - p))


def by_hand(labels: list[list[float]]) -> float:
    pairs = zip(LOGITS.flatten().tolist(), [y for row in labels for y in row], strict=True)
    return sum(log_of(logit, y) for logit, y in pairs) / 2


def test_the_loss_of_a_picture_is_the_sum_over_its_labels() -> None:
    assert TASK.loss(LOGITS, LABELS).item() == pytest.approx(by_hand([[1, 0, 0], [0, 1, 1]]), rel=1e-6)


def test_smoothing_moves_yes_and_no_half_its_share_towards_each_other() -> None:
    loss = MultiLabel(NAMES, label_smoothing=0.2).loss(LOGITS, LABELS)
    assert loss.item() == pytest.approx(by_hand([[0.9, 0.1, 0.1], [0.1, 0.9, 0.9]]), rel=1e-6)


def test_weights_count_the_labels_that_are_there() -> None:
    loss = MultiLabel(NAMES, weights=(3.0, 1.0, 5.0)).loss(LOGITS, LABELS)
    more = 2 * log_of(2.0, 1) + 4 * log_of(-2.0, 1)
    assert loss.item() == pytest.approx(by_hand([[1, 0, 0], [0, 1, 1]]) + more / 2, rel=1e-6)


def test_shares_of_mixed_pictures_are_labels_too() -> None:
    shares = torch.tensor([[0.7, 0.3, 0.0], [0.5, 1.0, 0.2]])
    assert TASK.loss(LOGITS, shares).item() == pytest.approx(by_hand(shares.tolist()), rel=1e-6)
    # From half on a label counts as there: the logits say a, not b, c (0 is half) and a, b, not c.
    assert TASK.score(LOGITS, shares) == 1


def test_auxiliary_heads_weigh_less() -> None:
    alone = TASK.loss(LOGITS, LABELS).item()
    both = TASK.loss((LOGITS, LOGITS), LABELS).item()
    assert both == pytest.approx(alone * (1 + AUXILIARY_WEIGHT))


def test_a_picture_is_right_when_all_its_labels_are() -> None:
    logits = torch.tensor([[1.0, -1.0, -1.0], [1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]])
    labels = torch.tensor([[1, 0, 0], [0, 1, 1], [0, 1, 1]], dtype=torch.uint8)
    assert TASK.score(logits, labels) == 2
    assert TASK.answers(logits).tolist() == [[1, 0, 0], [1, 1, 1], [0, 1, 1]]


def test_an_evaluation_keeps_loss_labels_and_probabilities() -> None:
    scores = TASK.scores(*TASK.judge(LOGITS, LABELS))
    assert scores.loss == pytest.approx(by_hand([[1, 0, 0], [0, 1, 1]]), rel=1e-6)
    expected = binary_cross_entropy_with_logits(LOGITS, LABELS.float(), reduction="none").sum(1)
    assert scores.losses.tolist() == pytest.approx(expected.tolist())
    assert scores.probabilities.tolist() == LOGITS.sigmoid().tolist()


def test_guesses_are_the_labels_given_or_the_likeliest_as_many_as_asked() -> None:
    given, none = TASK.guesses(torch.tensor([[0.1, -3.0, 2.0], [-1.0, -2.0, -0.1]]))
    assert [guess.label for guess in given] == ["c", "a"]
    assert [guess.probability for guess in given] == pytest.approx(
        [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(-0.1))]
    )
    assert none == []
    (all_of_them,) = TASK.guesses(torch.tensor([[-1.0, -2.0, -0.1]]), top=9)
    assert [guess.label for guess in all_of_them] == ["c", "a", "b"]
    assert [g.label for g in TASK.guesses(torch.tensor([[-1.0, -2.0, -0.1]]), top=1)[0]] == ["c"]
