import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from oracle import oracle

from striate.tasks.multi_label import LabelScores, average_precision

# Label 2 is nowhere and never given, label 3 is nowhere but given once.
LABELS = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]], dtype=torch.uint8)
PROBABILITIES = torch.tensor(
    [[0.9, 0.2, 0.1, 0.0], [0.4, 0.8, 0.1, 0.5], [0.6, 0.7, 0.1, 0.0], [0.1, 0.3, 0.1, 0.0]]
)
SCORES = LabelScores(torch.tensor([0.1, 0.2, 0.3, 0.4]).double(), LABELS, PROBABILITIES)


def scores(seed: int, *, pictures: int = 60, labels: int = 5) -> LabelScores:
    """Return made scores, with probabilities that often tie."""
    draw = np.random.default_rng(seed)
    truth = torch.from_numpy((draw.random((pictures, labels)) < 0.3).astype(np.uint8))
    noise = torch.from_numpy(draw.integers(0, 11, (pictures, labels)) / 10)
    return LabelScores(torch.zeros(pictures), truth, (0.3 * truth + 0.7 * noise).float())


def area(pairs: list[tuple[int, float]]) -> float:
    """Return the area under precision over recall, threshold by threshold, as it is defined."""
    total, before, found = sum(y for y, _ in pairs), 0.0, 0.0
    for threshold in sorted({p for _, p in pairs}, reverse=True):
        taken = [y for y, p in pairs if p >= threshold]
        recall = sum(taken) / total
        found += (recall - before) * sum(taken) / len(taken)
        before = recall
    return found


@given(some.lists(some.tuples(some.integers(0, 1), some.integers(0, 6)), min_size=1, max_size=30))
def test_average_precision_is_the_area_as_it_is_defined(pairs: list[tuple[int, int]]) -> None:
    truth, ranks = (torch.tensor(column) for column in zip(*pairs, strict=True))
    found = average_precision(truth, ranks / 7)
    if truth.sum() == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(area([(y, p / 7) for y, p in pairs]), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_scores_are_those_of_scikit_learn(seed: int) -> None:
    metrics, made = oracle("sklearn.metrics"), scores(seed)
    truth, answers, probabilities = made.labels.numpy(), made.answers.numpy(), made.probabilities.numpy()
    assert made.micro_f1 == pytest.approx(metrics.f1_score(truth, answers, average="micro"))
    assert made.macro_f1 == pytest.approx(metrics.f1_score(truth, answers, average="macro"))
    assert made.exact_match == pytest.approx(metrics.accuracy_score(truth, answers))
    assert made.precision.tolist() == pytest.approx(metrics.precision_score(truth, answers, average=None))
    assert made.recall.tolist() == pytest.approx(metrics.recall_score(truth, answers, average=None))
    expected = metrics.average_precision_score(truth, probabilities, average="macro")
    assert made.mean_average_precision == pytest.approx(expected)


def test_scores_are_counts_over_counts() -> None:
    # Given: label 0 to pictures 0 and 2, label 1 to 1 and 2, label 3 to 1. Right of these: one, two and none.
    assert SCORES.exact_match == 0.25
    assert SCORES.micro_f1 == pytest.approx(2 * 3 / (5 + 5))
    assert SCORES.macro_f1 == pytest.approx((0.5 + 0.8 + 0) / 3)
    assert SCORES.loss == pytest.approx(0.25)
    assert (SCORES.images, SCORES.score) == (4, 0.25)


def test_what_has_nothing_to_divide_by_is_none_and_no_part_of_a_mean() -> None:
    rows = SCORES.per_class(("a", "b", "c", "d"))
    assert [row["class"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["images"] for row in rows] == [2, 3, 0, 0]
    assert [row["precision"] for row in rows] == [0.5, 1, None, 0]
    assert [row["recall"] for row in rows] == [0.5, pytest.approx(2 / 3), None, None]
    assert [row["f1"] for row in rows] == [0.5, pytest.approx(0.8), None, 0]
    ranked = [(1 + 2 / 3) / 2, 1.0]
    assert [row["average_precision"] for row in rows] == [*map(pytest.approx, ranked), None, None]
    assert SCORES.mean_average_precision == pytest.approx(sum(ranked) / 2)


def test_a_split_without_any_label_has_no_f1() -> None:
    nothing = LabelScores(torch.zeros(2), torch.zeros(2, 3, dtype=torch.uint8), torch.zeros(2, 3))
    assert nothing.values() == {
        "exact_match": 1.0, "micro_f1": None, "macro_f1": None, "mean_average_precision": None,
    }  # fmt: skip
    assert nothing.text == "exact match 100.00%, micro F1 -, mean average precision -"


def test_scores_are_told_in_words() -> None:
    assert SCORES.text == "exact match 25.00%, micro F1 60.0%, mean average precision 91.7%"
    assert SCORES.lines(("a", "b", "c", "고양이"))[::3] == [
        " 50.0% precision   50.0% recall   83.3% average precision       2  a",
        "  0.0% precision       - recall       - average precision       0  고양이",
    ]
