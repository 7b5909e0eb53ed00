import numpy as np
import pytest
import torch
from oracle import oracle
from torch.nn.functional import one_hot

from striate.tasks.catalog import class_weights
from striate.tasks.classification import Classification

LABELS = torch.tensor([0] * 6 + [1] * 3 + [3])


def test_balanced_weights_give_every_class_the_same_sum() -> None:
    weights = class_weights("balanced", LABELS, 4)
    # The mean over the pictures is 1; class 2 has none and weighs 1.
    assert weights == pytest.approx((10 / 18, 10 / 9, 1, 10 / 3))
    assert sum(weights[label] for label in LABELS.tolist()) == pytest.approx(10)
    assert len({round(n * weights[k], 6) for k, n in ((0, 6), (1, 3), (3, 1))}) == 1


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = LABELS[LABELS < 2]
    weigh = oracle("sklearn.utils.class_weight").compute_class_weight
    expected = weigh("balanced", classes=np.array([0, 1]), y=labels.numpy())
    assert class_weights("balanced", labels, 2) == pytest.approx(tuple(expected))


def test_roots_weigh_rare_classes_less() -> None:
    weights = class_weights("sqrt", LABELS, 4)
    assert weights[1] / weights[0] == pytest.approx(2**0.5)
    assert weights[3] / weights[0] == pytest.approx(6**0.5)
    assert sum(weights[label] for label in LABELS.tolist()) == pytest.approx(10)
    assert weights[2] == 1


def test_no_weights_are_none_at_all() -> None:
    assert class_weights("none", LABELS, 4) == ()


def test_a_label_weighs_by_how_many_pictures_lack_it() -> None:
    labels = torch.zeros(100, 4, dtype=torch.uint8)
    labels[:20, 0], labels[:50, 1], labels[:, 2] = 1, 1, 1  # and nothing has the last
    assert class_weights("balanced", labels, 4) == pytest.approx((4, 1, 1, 1))
    assert class_weights("sqrt", labels, 4) == pytest.approx((2, 1, 1, 1))


def test_the_weighed_loss_is_the_mean_over_the_pictures_of_weight_times_loss() -> None:
    torch.manual_seed(0)
    logits, labels, weights = torch.randn(8, 3), torch.arange(8) % 3, (0.5, 1.0, 4.0)
    plain, weighed = Classification(("a", "b", "c")), Classification(("a", "b", "c"), 0.0, weights)
    expected = sum(
        weights[label] * plain.loss(logits[i : i + 1], labels[i : i + 1]).item()
        for i, label in enumerate(labels.tolist())
    )
    assert weighed.loss(logits, labels).item() == pytest.approx(expected / 8)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weights", [(), (0.5, 1.0, 4.0)])
def test_whole_shares_are_labels(weights: tuple[float, ...], smoothing: float) -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(8, 3), torch.arange(8) % 3
    task = Classification(("a", "b", "c"), smoothing, weights)
    shares = one_hot(labels, 3).float()
    assert task.loss(logits, shares).item() == pytest.approx(task.loss(logits, labels).item())
    assert task.score(logits, shares) == task.score(logits, labels)


def test_a_mixed_picture_is_named_rightly_by_the_class_it_has_most_of() -> None:
    task = Classification(("a", "b", "c"))
    shares = torch.tensor([[0.4, 0.6, 0.0], [0.7, 0.0, 0.3]])
    assert task.score(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), shares) == 1
