"""Temperatures and thresholds, held against torch's own optimizer, every threshold there is, and sums by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from striate.tasks.calibration import (
    Calibration,
    best_threshold,
    calibration_error,
    class_calibration,
    label_calibration,
    passing_threshold,
)
from striate.tasks.classification import Classification
from striate.tasks.multi_label import MultiLabel


def drawn(seed: int, *, sharpness: float, count: int = 4000) -> tuple[Tensor, Tensor]:
    """Return logits that are `sharpness` times those the labels were drawn by."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, 5, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return sharpness * logits, labels


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_is_by_how_much_a_network_is_too_sure(sharpness: float) -> None:
    logits, labels = drawn(0, sharpness=sharpness)
    found = class_calibration(logits, labels)
    assert found.temperature == pytest.approx(sharpness, rel=0.05)
    assert found.images == 4000


def lbfgs(loss: object, *args: Tensor) -> float:
    """Return the temperature torch's own optimizer finds."""
    log = torch.zeros(1, dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [log], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = loss(args[0].double() / log.exp(), args[1])  # type: ignore[operator]
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return float(log.detach().exp())


@pytest.mark.parametrize("seed", range(3))
def test_the_temperature_of_classes_is_what_lbfgs_finds(seed: int) -> None:
    logits, labels = drawn(seed, sharpness=2.2, count=60)
    smoothing = 1 / (60 + 2)

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits, labels, label_smoothing=smoothing)

    assert class_calibration(logits, labels).temperature == pytest.approx(
        lbfgs(loss, logits, labels), rel=1e-5
    )


def test_the_temperature_of_labels_is_what_lbfgs_finds() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(80, 4, generator=generator) * 3
    labels = torch.bernoulli((logits / 3).sigmoid(), generator=generator)

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(logits, labels.double() * (1 - 1 / 82) + 0.5 / 82)

    found = label_calibration(logits, labels.to(torch.uint8))
    assert found.temperature == pytest.approx(lbfgs(loss, logits, labels), rel=1e-5)
    assert len(found.thresholds) == 4


def test_a_few_pictures_all_answered_rightly_do_not_make_a_network_certain() -> None:
    logits = torch.tensor([[4.0, 0.0], [0.0, 4.0]] * 5)
    labels = torch.tensor([0, 1] * 5)
    found = class_calibration(logits, labels)
    # Platt's target for ten pictures: 1 - 1/12, and half of the rest, which stays with the class.
    assert (logits / found.temperature).softmax(1).amax(1).tolist() == pytest.approx([1 - 1 / 24] * 10)


def test_calibration_lowers_the_error_and_leaves_the_answers() -> None:
    logits, labels = drawn(3, sharpness=3)
    task = Classification(tuple("abcde"))
    before = task.scores(*task.judge(logits, labels))
    calibrated = task.calibrated(task.calibration(logits, labels))
    after = calibrated.scores(*calibrated.judge(logits, labels))
    assert torch.equal(before.answers, after.answers)
    assert after.loss == before.loss
    assert after.raw_ece == before.ece > 0.1
    assert after.ece < 0.03


def test_the_calibration_error_by_hand() -> None:
    # Bins of a fifteenth: the two at 0.51 are right half of the time, that at 0.9 is right.
    confidences = torch.tensor([0.51, 0.51, 0.9])
    right = torch.tensor([True, False, True])
    assert calibration_error(confidences, right) == pytest.approx((2 * 0.01 + 0.1) / 3)
    assert calibration_error(torch.tensor([0.0, 1.0]), torch.tensor([False, True])) == 0


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=200))
def test_nineteen_right_answers_of_twenty_pass(confidences: list[float]) -> None:
    right = torch.tensor(confidences)
    threshold = passing_threshold(right)
    assert (right >= threshold).double().mean() >= 0.95
    higher = right[right > threshold + 1e-4]
    assert not len(higher) or (right >= higher.min()).double().mean() < 0.95 or higher.min() > threshold


def test_without_a_right_answer_everything_passes() -> None:
    assert passing_threshold(torch.tensor([])) == 0


def f1(probabilities: Tensor, there: Tensor, threshold: float) -> float:
    given = probabilities >= threshold
    return 2 * int((given & there).sum()) / int(given.sum() + there.sum())


@given(st.integers(0, 10_000), st.booleans())
def test_the_threshold_of_a_label_is_the_best_of_all(seed: int, coarse: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.rand(60, generator=generator)
    probabilities = (probabilities * 8).round() / 8 if coarse else probabilities
    there = torch.bernoulli(probabilities * 0.5 + 0.2, generator=generator).bool()
    if not 10 <= int(there.sum()) <= 50:
        return
    found = best_threshold(probabilities, there)
    every = [f1(probabilities, there, t) for t in [*probabilities.tolist(), 0.5]]
    assert f1(probabilities, there, found) == pytest.approx(max(every))


def test_a_label_of_few_pictures_keeps_one_half() -> None:
    probabilities = torch.linspace(0, 0.4, 40)
    assert best_threshold(probabilities, torch.arange(40) >= 31) == 0.5
    assert best_threshold(probabilities, torch.arange(40) >= 30) == pytest.approx(
        float(probabilities[29:31].mean())
    )


def test_thresholds_decide_which_labels_are_given() -> None:
    task = MultiLabel(("a", "b")).calibrated(Calibration(temperature=2.0, thresholds=(0.2, 0.9), images=9))
    logits = 2 * torch.tensor([[-1.0, 2.0], [-2.0, 3.0]])  # probabilities 0.27, 0.88 and 0.12, 0.95
    assert task.answers(logits).tolist() == [[1, 0], [0, 1]]
    assert [[(g.label, g.passes) for g in row] for row in task.guesses(logits, top=2)] == [
        [("b", False), ("a", True)], [("b", True), ("a", False)],
    ]  # fmt: skip
    assert [[g.label for g in row] for row in task.guesses(logits)] == [["a"], ["b"]]
    assert task.with_threshold(0.1).answers(logits).tolist() == [[1, 1], [1, 1]]
    scores = task.scores(*task.judge(logits, torch.tensor([[1, 0], [0, 1]], dtype=torch.uint8)))
    assert scores.exact_match == 1


def test_merged_outputs_have_the_mean_probabilities() -> None:
    a, b = torch.randn(4, 3) * 20, torch.randn(4, 3)
    classes = Classification(("a", "b", "c"), temperature=1.7)
    mean = ((a / 1.7).softmax(1) + (b / 1.7).softmax(1)) / 2
    torch.testing.assert_close((classes.merged([a, b]) / 1.7).softmax(1), mean)
    labels = MultiLabel(("a", "b", "c"), temperature=0.6)
    mean = ((a / 0.6).sigmoid() + (b / 0.6).sigmoid()) / 2
    torch.testing.assert_close((labels.merged([a, b]) / 0.6).sigmoid(), mean)
    for task in (classes, labels):
        torch.testing.assert_close(task.merged([b]).softmax(1), b.softmax(1))
