import math

import pytest
import torch

from striate.tasks.classification import Classification

TASK = Classification(("a", "b", "c"))


def test_the_loss_is_the_mean_cross_entropy_worked_out_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]])
    rows = [-2 + math.log(math.e**2 + 2), -1 + math.log(1 + math.e + math.e**3)]
    assert TASK.loss(logits, torch.tensor([0, 1])).item() == pytest.approx(sum(rows) / 2, rel=1e-6)


def test_smoothing_spreads_its_share_over_all_classes() -> None:
    logits, labels = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0])
    target = torch.tensor([[0.7 + 0.1, 0.1, 0.1]])
    expected = -(target * logits.log_softmax(1)).sum()
    loss = Classification(("a", "b", "c"), label_smoothing=0.3).loss(logits, labels)
    assert loss.item() == pytest.approx(expected.item())


def test_shares_of_the_classes_are_weighed_and_smoothed() -> None:
    logits = torch.tensor([[1.0, 0.0, -1.0]])
    logs = logits.log_softmax(1)[0]
    shares = torch.tensor([[0.25, 0.75, 0.0]])
    assert TASK.loss(logits, shares) == pytest.approx(float(-0.25 * logs[0] - 0.75 * logs[1]))
    smoothed = 0.7 * shares[0] + 0.1
    assert Classification(("a", "b", "c"), 0.3).loss(logits, shares) == pytest.approx(
        float(-(smoothed * logs).sum())
    )


def test_the_answer_is_that_of_the_main_head() -> None:
    main, auxiliary = torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[9.0, 0.0, 0.0]])
    assert TASK.answers(main).tolist() == [1]
    assert TASK.answers((main, auxiliary)).tolist() == [1]


def test_guesses_come_likeliest_first_and_add_up() -> None:
    logits = torch.tensor([[0.0, math.log(3), math.log(4)], [9.0, 0.0, 0.0]])
    first, second = TASK.guesses(logits, top=3)
    assert [guess.label for guess in first] == ["c", "b", "a"]
    assert [guess.probability for guess in first] == pytest.approx([4 / 8, 3 / 8, 1 / 8])
    assert second[0].label == "a"


def test_no_more_guesses_than_classes() -> None:
    assert [len(row) for row in TASK.guesses(torch.zeros(2, 3), top=5)] == [3, 3]
    assert [len(row) for row in TASK.guesses(torch.zeros(2, 3), top=1)] == [1, 1]
