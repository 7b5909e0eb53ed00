import math

import numpy as np
import pytest
import torch
from oracle import oracle
from torch import Tensor

from striate.data.augment.mix import Mix, beta, cut_mixed, partners
from striate.data.draw import Draws, sample_id
from striate.errors import UsageError

IDS = np.array([sample_id(str(i)) for i in range(600)], np.uint64)
KINDS = [Mix(mixup=0.4, classes=5), Mix(cutmix=1.0, classes=5), Mix(mixup=0.2, cutmix=1.0, classes=5)]


def batch(count: int, *, side: int = 16, channels: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=generator)
    return images, torch.randint(0, 5, (count,), generator=generator)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.4, 1.0, 2.0, 8.0, 50.0])
def test_shares_have_the_moments_of_their_beta_distribution(alpha: float) -> None:
    shares = (np.arange(20_000) + 0.5) / 20_000
    values = beta(shares, alpha=alpha)
    assert (np.diff(values) >= 0).all()
    assert values.min() >= 0
    assert values.max() <= 1
    for power in range(1, 7):
        exact = math.prod((alpha + i) / (2 * alpha + i) for i in range(power))
        assert (values**power).mean() == pytest.approx(exact, abs=2e-4)


def test_alpha_one_is_even_and_shares_are_symmetrical() -> None:
    shares = np.linspace(0, 1, 101)
    assert np.allclose(beta(shares, alpha=1.0), shares, atol=1e-12)
    assert np.allclose(beta(shares, alpha=0.3) + beta(1 - shares, alpha=0.3), 1)


def test_the_distribution_function_of_what_is_drawn_is_torchs() -> None:
    values = beta(Draws(IDS, 0, 0).uniform("mix-share"), alpha=0.7)
    theirs = torch.distributions.Beta(0.7, 0.7)
    points = torch.linspace(1e-6, 1 - 1e-6, 200_001, dtype=torch.float64)
    density = theirs.log_prob(points.float()).exp().double()
    share = torch.cumulative_trapezoid(density, points)
    expected = np.interp(np.sort(values), points[1:].numpy(), (share / share[-1]).numpy())
    # Kolmogorov-Smirnov: over 1.95 / sqrt(n) once in a thousand.
    assert np.abs(expected - (np.arange(600) + 0.5) / 600).max() < 1.95 / math.sqrt(600)


def test_partners_and_shares_are_those_they_have_always_been() -> None:
    draws = Draws(np.array([sample_id(f"cat/{i}.jpg") for i in range(8)], np.uint64), 7, 3)
    assert partners(draws).tolist() == [7, 3, 4, 6, 5, 0, 2, 1]
    shares = beta(draws.uniform("mix-share"), alpha=0.2)[:3]
    assert shares == pytest.approx([0.9998622160835887, 3.076052027784822e-10, 0.10202763186412708], rel=1e-9)


def test_partners_are_a_ring_through_the_whole_batch() -> None:
    partner = partners(Draws(IDS[:37], 1, 2)).tolist()
    here, seen = 0, []
    for _ in range(37):
        seen.append(here)
        here = partner[here]
    assert here == 0
    assert sorted(seen) == list(range(37))


@pytest.mark.parametrize("mix", KINDS, ids=str)
def test_the_same_pictures_in_another_order_make_the_same_mixes(mix: Mix) -> None:
    images, labels = batch(40)
    mixed, targets = mix(images, labels, IDS[:40], seed=1, epoch=2)
    shuffle = np.random.default_rng(0).permutation(40)
    again, others = mix(images[shuffle], labels[shuffle], IDS[:40][shuffle], seed=1, epoch=2)
    assert torch.equal(again, mixed[shuffle])
    assert torch.equal(others, targets[shuffle])


@pytest.mark.parametrize("mix", KINDS, ids=str)
def test_shares_of_the_classes_add_up_to_one_and_name_the_two_classes(mix: Mix) -> None:
    images, labels = batch(200)
    before = images.clone()
    _, targets = mix(images, labels, IDS[:200], seed=1, epoch=0)
    assert torch.equal(images, before)
    assert (targets.dtype, targets.shape) == (torch.float32, (200, 5))
    assert torch.allclose(targets.sum(1), torch.ones(200))
    partner = partners(Draws(IDS[:200], 1, 0))
    for i in range(200):
        assert set(targets[i].nonzero().flatten().tolist()) <= {int(labels[i]), int(labels[partner[i]])}


def test_mixup_is_torchvisions_with_the_same_weight_and_partner() -> None:
    transforms = oracle("torchvision.transforms.v2")
    images, labels = batch(12)
    ours, targets = Mix(mixup=0.4, classes=5)(images.float(), labels, IDS[:12], seed=1, epoch=2)
    draws = Draws(IDS[:12], 1, 2)
    shares, partner = beta(draws.uniform("mix-share"), alpha=0.4), partners(draws)
    theirs = transforms.MixUp(num_classes=5)
    for i, share in enumerate(shares):
        # torchvision mixes a batch with itself, rolled by one: the second of two gets the first.
        pair = torch.tensor([int(partner[i]), i])
        params = {"lam": float(share), "labels": labels[pair], "batch_size": 2, "num_classes": 5}
        mixed = theirs.transform(images[pair].float(), params)
        assert torch.allclose(ours[i], mixed[1], atol=1e-3)
        soft = share * torch.eye(5)[labels[i]] + (1 - share) * torch.eye(5)[labels[partner[i]]]
        assert torch.allclose(targets[i].double(), soft.double(), atol=1e-6)


def test_cutmix_takes_a_box_of_the_partner_and_counts_its_pixels() -> None:
    images, _ = batch(300, side=24)
    images = images.float() + torch.arange(300).view(-1, 1, 1, 1) / 512  # so that no two pixels are alike
    draws = Draws(IDS[:300], 1, 2)
    partner = partners(draws)
    mixed, own = cut_mixed(images, partner, draws, alpha=1.0)
    shares = beta(draws.uniform("mix-share"), alpha=1.0)
    for i in range(300):
        taken = (mixed[i] == images[partner[i]]).all(0)
        kept = (mixed[i] == images[i]).all(0)
        assert (taken ^ kept).all()
        assert kept.double().mean() == pytest.approx(own[i], abs=1e-9)
        rows, columns = int(taken.any(1).sum()), int(taken.any(0).sum())
        assert taken.sum() == rows * columns
        # The box is at most the one drawn: the edge may cut it.
        side = math.sqrt(1 - shares[i]) * 24
        assert rows <= side + 1
        assert columns <= side + 1
    # As many pixels of partners as Beta(1, 1) and the cutting by the edge leave: the middle is even over the picture.
    sides = np.sqrt(1 - shares)
    lost = np.minimum(sides, 1) * (1 - sides / 4)
    assert 1 - own.mean() == pytest.approx((lost**2).mean(), abs=0.03)


def test_half_of_the_batches_are_mixed_by_each_where_both_are_asked_for() -> None:
    mix, blended = Mix(mixup=1.0, cutmix=1.0, classes=5), 0
    for start in range(0, 600, 6):
        images, labels = batch(6, side=8)
        images = images // 2 * 2
        mixed, _ = mix(images, labels, IDS[start : start + 6], seed=0, epoch=0)
        blended += bool((mixed % 2).any())  # an odd level is in none of the pictures
    assert 35 <= blended <= 65


def test_labels_of_zero_and_one_and_numbers_are_mixed_in_proportion() -> None:
    images, labels = batch(20)
    _, shares = Mix(mixup=0.4, classes=5)(images, labels, IDS[:20], seed=1, epoch=2)
    several = torch.nn.functional.one_hot(labels, 5).to(torch.uint8)
    _, targets = Mix(mixup=0.4)(images, several, IDS[:20], seed=1, epoch=2)
    assert torch.equal(targets, shares)
    numbers = torch.arange(20.0)[:, None] * torch.tensor([[1.0, -2.0]])
    _, mixed = Mix(mixup=0.4)(images, numbers, IDS[:20], seed=1, epoch=2)
    assert torch.allclose(mixed[:, 1], -2 * mixed[:, 0], atol=1e-5)
    assert mixed.sum(0)[0] != pytest.approx(
        190, abs=1e-3
    )  # a picture's weight and its partner's are not the same


def test_one_picture_alone_is_mixed_with_itself() -> None:
    images, labels = batch(1)
    for mix in KINDS:
        mixed, targets = mix(images, labels, IDS[:1], seed=0, epoch=0)
        assert torch.equal(mixed, images)
        assert targets.argmax() == labels[0]
        assert targets.sum() == 1


def test_no_mixing_leaves_everything_as_it_is() -> None:
    images, labels = batch(4)
    assert not Mix(classes=5)
    assert Mix(classes=5)(images, labels, IDS[:4], seed=0, epoch=0) == (images, labels)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
@pytest.mark.parametrize("value", [-0.1, 101.0, float("nan")])
def test_an_alpha_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError) as raised:
        Mix(**{name: value})  # type: ignore[arg-type]
    assert str(raised.value) == f"{name} is {value:g}; it must be at least 0 and at most 100."
