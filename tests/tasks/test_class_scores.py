import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from striate.tasks.classification import Classification, ClassScores
from striate.tasks.scoring import evaluate

# True class, answer: class 2 has no pictures, class 1 is never answered.
SCORES = ClassScores(
    loss=0.5,
    labels=torch.tensor([0, 0, 0, 1, 1]),
    answers=torch.tensor([0, 0, 2, 0, 2]),
    confidences=torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]),
    num_classes=3,
    raw_confidences=torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]),
)


def test_rows_of_the_confusion_are_the_true_classes() -> None:
    assert SCORES.confusion.tolist() == [[2, 0, 1], [1, 0, 1], [0, 0, 0]]


def test_accuracy_precision_and_recall_are_counts_over_counts() -> None:
    assert SCORES.accuracy == pytest.approx(2 / 5)
    rows = SCORES.per_class(("a", "b", "c"))
    assert [(row["class"], row["images"]) for row in rows] == [("a", 3), ("b", 2), ("c", 0)]
    assert [row["recall"] for row in rows] == [pytest.approx(2 / 3), 0, None]
    assert [row["precision"] for row in rows] == [pytest.approx(2 / 3), None, 0]


def test_an_evaluation_in_batches_is_that_of_all_at_once_and_leaves_the_mode() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 3)).train()
    images, labels = torch.randn(10, 3, 2, 2), torch.arange(10) % 3
    scores = evaluate(
        model, zip(images.split(4), labels.split(4), strict=True), Classification(("a", "b", "c"))
    )
    assert model.training
    logits = model.eval()(images)
    assert scores.loss == pytest.approx(cross_entropy(logits, labels).item(), rel=1e-6)
    assert scores.answers.tolist() == logits.argmax(1).tolist()
    assert scores.confidences.tolist() == pytest.approx(logits.softmax(1).max(1).values.tolist())
    assert scores.labels.tolist() == labels.tolist()
