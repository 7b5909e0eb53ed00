from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stores import store_of

from striate.data.augment.augment import PRESETS
from striate.data.augment.mix import Mix
from striate.data.loader import Loader, Share
from striate.pictures.preprocess import Preprocess

PREPROCESS = Preprocess(size=(6, 6), channels=3, mean=(0.5,) * 3, std=(0.25,) * 3)


@given(st.integers(0, 200), st.integers(1, 40))
def test_shares_have_each_thing_once_in_order(total: int, count: int) -> None:
    shares = [Share(index, count) for index in range(count)]
    taken = [np.arange(total)[share.part(total)] for share in shares]
    assert np.concatenate(taken).tolist() == list(range(total))
    assert max(map(len, taken)) - min(map(len, taken)) <= 1


@given(st.integers(1, 200), st.integers(1, 40))
def test_padded_shares_are_equally_long_and_their_surplus_is_behind_the_last(total: int, count: int) -> None:
    shares = [Share(index, count).padded(total) for index in range(count)]
    assert len({len(share) for share in shares}) == 1
    together = np.concatenate(shares)
    assert together[:total].tolist() == list(range(total))
    assert set(together[total:].tolist()) <= {total - 1}


def loader(**changes: Any) -> Loader:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (23, 3, 8, 8), dtype=np.uint8))
    labels = torch.arange(23) % 5
    return Loader(store=store_of(images, labels), preprocess=PREPROCESS, batch=9, seed=2, **changes)


@pytest.mark.parametrize("ranks", [2, 3, 9])
@pytest.mark.parametrize("preset", ["none", "strong"])
@pytest.mark.parametrize("mix", [Mix(), Mix(mixup=0.4, classes=5), Mix(cutmix=1, classes=5)])
def test_the_shares_of_a_batch_are_the_batch_mixed_or_not(ranks: int, preset: str, mix: Mix) -> None:
    whole = list(loader().training(1, augment=PRESETS[preset], mix=mix))
    shares = [
        loader(share=Share(rank, ranks)).training(1, augment=PRESETS[preset], mix=mix)
        for rank in range(ranks)
    ]
    for step, (batch, parts) in enumerate(zip(whole, zip(*shares, strict=True), strict=True)):
        assert torch.equal(batch.images, torch.cat([part.images for part in parts]))
        assert torch.equal(batch.labels, torch.cat([part.labels for part in parts]))
        assert loader().count(step) == loader().count(step + 3 * len(whole)) == len(batch.images)


@pytest.mark.parametrize("ranks", [1, 2, 4, 30])
def test_the_shares_of_an_evaluation_are_the_split_once(ranks: int) -> None:
    parts = [
        torch.cat([labels for _, labels in loader(share=Share(rank, ranks)).evaluation()])
        for rank in range(ranks)
    ]
    assert torch.equal(torch.cat(parts)[:23], loader().store.labels)
