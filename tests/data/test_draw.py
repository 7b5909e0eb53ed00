import math

import numpy as np
import pytest

from striate.data.draw import Draws, key, order, places_of, sample_id, uniform

IDS = np.array([sample_id(f"cat/{i}.jpg") for i in range(20_000)], np.uint64)

# Every run rests on these: another number here is another result for every seed ever used.
GOLDEN_IDS = [3603316962818064594, 2933597123898923438, 4894963661419067820]
GOLDEN_KEYS = [5731224772567390324, 1841914825985502556]
GOLDEN_UNIFORM = [0.21574586835727516, 0.163346743724476, 0.5878063032458257]
GOLDEN_ORDER = [3, 5, 2, 7, 0, 6, 1, 4]


def mixed(x: int) -> int:
    """Return splitmix64's finaliser in plain integers (Steele, Lea, Flood 2014)."""
    mask = (1 << 64) - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def test_the_numbers_are_those_they_have_always_been() -> None:
    assert [sample_id(name) for name in ("cat/1.jpg", "고양이/하나.png", "train/0")] == GOLDEN_IDS
    assert [key("order", seed=s, epoch=e, step=t) for s, e, t in ((0, 0, 0), (1, 2, 3))] == GOLDEN_KEYS
    assert uniform("flip", IDS[:3], seed=0, epoch=1).tolist() == GOLDEN_UNIFORM
    assert order("order", IDS[:8], seed=7, epoch=3).tolist() == GOLDEN_ORDER


def test_a_draw_is_the_finaliser_worked_out_in_plain_integers() -> None:
    purpose_key = key("shift", seed=3, epoch=4)
    expected = [(mixed(mixed(int(i)) ^ purpose_key) >> 11) / 2**53 for i in IDS[:100]]
    assert uniform("shift", IDS[:100], seed=3, epoch=4).tolist() == expected


def test_the_finaliser_gives_the_published_numbers_of_splitmix64() -> None:
    # The first outputs of splitmix64 seeded with 1234567, as Vigna's reference program prints them.
    state, found = 1234567, []
    for _ in range(3):
        found.append(mixed(state))
        state = (state + 0x9E3779B97F4A7C15) % 2**64
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("purpose", ["flip", "shift-x", "order"])
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (0, 1), (41, 7)])
@pytest.mark.parametrize("ids", [IDS, np.arange(20_000, dtype=np.uint64)], ids=["hashes", "counters"])
def test_draws_are_uniform(purpose: str, seed: int, epoch: int, ids: np.ndarray) -> None:
    drawn = uniform(purpose, ids, seed=seed, epoch=epoch)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.bincount((drawn * 100).astype(int), minlength=100)
    chi_square = ((counts - 200) ** 2 / 200).sum()
    assert chi_square < 99 + 4.5 * math.sqrt(2 * 99)
    gap = np.abs(np.sort(drawn) - np.arange(20_000) / 20_000).max()
    assert gap < 1.95 / math.sqrt(20_000)  # Kolmogorov and Smirnov at one in a thousand


@pytest.mark.parametrize("other", [("flip", 0, 1), ("flip", 1, 0), ("flop", 0, 0)])
def test_draws_of_another_purpose_seed_or_epoch_are_unrelated(other: tuple[str, int, int]) -> None:
    purpose, seed, epoch = other
    first, second = uniform("flip", IDS, seed=0, epoch=0), uniform(purpose, IDS, seed=seed, epoch=epoch)
    assert abs(np.corrcoef(first, second)[0, 1]) < 4.5 / math.sqrt(len(IDS))


def test_draws_of_neighbours_are_unrelated() -> None:
    drawn = uniform("flip", np.arange(20_001, dtype=np.uint64), seed=0)
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 4.5 / math.sqrt(20_000)


def test_a_sample_draws_the_same_whatever_is_drawn_beside_it() -> None:
    whole = uniform("flip", IDS, seed=2, epoch=5)
    chosen = np.array([7, 3, 19_999, 3])
    assert uniform("flip", IDS[chosen], seed=2, epoch=5).tolist() == whole[chosen].tolist()


def test_leaving_a_sample_out_keeps_the_order_of_the_others() -> None:
    whole = order("order", IDS[:500], seed=1, epoch=2)
    kept = np.array([i for i in range(500) if i not in (0, 77, 499)])
    assert kept[order("order", IDS[:500][kept], seed=1, epoch=2)].tolist() == [
        i for i in whole if i in set(kept)
    ]


def test_an_order_has_everything_once_and_every_epoch_has_its_own() -> None:
    orders = [order("order", IDS[:1000], seed=0, epoch=epoch) for epoch in range(3)]
    for shuffled in orders:
        assert sorted(shuffled.tolist()) == list(range(1000))
    assert len({tuple(shuffled.tolist()) for shuffled in orders}) == 3


def test_names_have_identities_of_their_own() -> None:
    assert len(np.unique(IDS)) == len(IDS)
    assert sample_id("\udcb0") != sample_id("\udcb1")


def test_noise_is_splitmix64_begun_at_the_sample() -> None:
    draws = Draws(IDS[:8], 7, 3)
    start = mixed(mixed(int(IDS[2])) ^ key("erase-noise", seed=7, epoch=3))
    words = [mixed((start + k * 0x9E3779B97F4A7C15) & ((1 << 64) - 1)) for k in range(2)]
    expected = b"".join(word.to_bytes(8, "little") for word in words)[:12]
    assert draws.noise("erase-noise", 2, 12).tobytes() == expected
    assert list(expected[:4]) == [255, 177, 167, 81]


def test_draws_of_some_samples_are_theirs_whichever_are_asked() -> None:
    draws = Draws(IDS[:50], 7, 3)
    assert len(draws) == 50
    assert (draws.uniform("x") == uniform("x", IDS[:50], seed=7, epoch=3)).all()
    chosen = np.array([4, 49, 4])
    assert (draws.at(chosen).uniform("x") == draws.uniform("x")[chosen]).all()
    between = draws.between("x", -2, 3)
    np.testing.assert_allclose(between, 5 * draws.uniform("x") - 2, atol=1e-15)
    counts = np.arange(1, 51)
    for whole in (draws.whole("x", 7), draws.whole("x", counts)):
        assert (whole >= 0).all()
    assert (draws.whole("x", counts) < counts).all()
    assert set(Draws(IDS, 7, 3).whole("x", 7)) == set(range(7))


@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_an_identity_is_found_where_it_stands_last(count: int) -> None:
    some = np.array([0, 3, 2**63, 2**64 - 1, *range(5, 25)], np.uint64)
    among = np.random.default_rng(count).choice(some, count)
    last = {identity: place for place, identity in enumerate(among.tolist())}
    assert places_of(some, among).tolist() == [last.get(identity, -1) for identity in some.tolist()]
    assert places_of(some[:0], among).tolist() == []
