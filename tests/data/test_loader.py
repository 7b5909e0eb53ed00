import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from stores import store_of

from striate.data import loader as loader_module
from striate.data.augment.augment import PRESETS
from striate.data.augment.mix import Mix
from striate.data.draw import ids_of, order
from striate.data.loader import PAGE, PAGES_TOGETHER, Batch, Loader, paged_order
from striate.data.store.rows import HeldRows
from striate.errors import DataError
from striate.pictures.preprocess import Preprocess

NONE = PRESETS["none"]
PREPROCESS = Preprocess(size=(6, 6), channels=1, mean=(0.25,), std=(0.5,))


def loader(count: int, *, batch: int = 10, seed: int = 0) -> Loader:
    """Return a loader of pictures whose label is their position and whose first pixel says it too."""
    images = torch.randint(0, 256, (count, 1, 6, 6), dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(count)
    names = tuple(f"train/{i}" for i in range(count))
    return Loader(
        store=store_of(images, torch.arange(count), names), preprocess=PREPROCESS, batch=batch, seed=seed
    )


def labels(batches: list[Batch]) -> list[int]:
    return [int(label) for batch in batches for label in batch.labels]


@pytest.mark.parametrize(
    ("count", "batch", "steps", "last"),
    [
        (40, 10, 4, 10),
        (45, 10, 5, 5),
        (44, 10, 4, 10),
        (7, 10, 1, 7),
        (3, 10, 1, 3),
        (8, 5, 2, 3),
        (7, 5, 1, 5),
    ],
)
def test_an_epoch_has_every_picture_once_but_a_tail_under_half_a_batch(
    count: int, batch: int, steps: int, last: int
) -> None:
    data = loader(count, batch=batch)
    batches = list(data.training(0, augment=NONE))
    assert data.steps == len(batches) == steps
    assert len(batches[-1].labels) == last
    seen = labels(batches)
    assert len(seen) == len(set(seen)) == batch * (steps - 1) + last


def test_what_one_epoch_drops_another_takes() -> None:
    data = loader(44)
    seen = {label for epoch in range(8) for label in labels(list(data.training(epoch, augment=NONE)))}
    assert seen == set(range(44))


def test_pixels_and_labels_stay_together_and_are_normalised() -> None:
    data = loader(40)
    for images, numbers in data.training(3, augment=NONE):
        assert (images.dtype, numbers.dtype) == (torch.float32, torch.int64)
        expected = (data.store.images[numbers].double() / 255 - 0.25) / 0.5
        torch.testing.assert_close(images.double(), expected, rtol=0, atol=1e-6)


def test_the_order_is_drawn_by_seed_and_epoch() -> None:
    data = loader(40, seed=9)
    shuffled = order("order", data.store.ids, seed=9, epoch=4)
    assert labels(list(data.training(4, augment=NONE))) == shuffled.tolist()
    assert labels(list(data.training(5, augment=NONE))) != shuffled.tolist()


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("preset", ["none", "digits", "photos", "strong"])
@pytest.mark.parametrize("mix", [None, Mix(mixup=0.4, cutmix=1.0, classes=55)])
def test_an_epoch_goes_on_from_any_batch_bit_for_bit(start: int, preset: str, mix: Mix | None) -> None:
    data = loader(55)
    whole = list(data.training(2, augment=PRESETS[preset], mix=mix))[start:]
    rest = list(data.training(2, augment=PRESETS[preset], mix=mix, start=start))
    assert len(rest) == len(whole) == 6 - start
    for a, b in zip(whole, rest, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)


def test_a_batch_is_mixed_after_it_was_augmented() -> None:
    data, mix = loader(40), Mix(mixup=0.4, classes=40)
    mixed = next(data.training(3, augment=PRESETS["digits"], mix=mix))
    chosen = order("order", data.store.ids, seed=0, epoch=3)[:10]
    ids = data.store.ids[chosen]
    images = PRESETS["digits"](data.store.images[torch.from_numpy(chosen)], ids, seed=0, epoch=3)
    images, shares = mix(images, torch.from_numpy(chosen), ids, seed=0, epoch=3)
    assert torch.equal(mixed.images, PREPROCESS.normalise(images))
    assert torch.equal(mixed.labels, shares)
    plain = next(data.training(3, augment=PRESETS["digits"], mix=Mix(classes=40)))
    assert torch.equal(plain.labels, torch.from_numpy(chosen))


def test_a_picture_left_out_keeps_the_order_of_the_others() -> None:
    data = loader(40, batch=40)
    kept = [i for i in range(40) if i != 13]
    store = data.store
    fewer = Loader(store=store.subset(np.array(kept)), preprocess=PREPROCESS, batch=40)
    whole = labels(list(data.training(0, augment=NONE)))
    assert labels(list(fewer.training(0, augment=NONE))) == [label for label in whole if label != 13]


@pytest.mark.parametrize("batch", [1, 7, 45, 100])
def test_evaluation_has_every_picture_once_in_order_and_unchanged(batch: int) -> None:
    data = loader(45, batch=batch)
    batches = list(data.evaluation())
    assert labels(batches) == list(range(45))
    images = torch.cat([b.images for b in batches])
    assert torch.equal(images, PREPROCESS.normalise(data.store.images))
    assert torch.equal(data.store.images[:, 0, 0, 0], torch.arange(45))


def test_training_leaves_the_store_alone() -> None:
    data = loader(40)
    before = data.store.images.clone()
    np.testing.assert_equal(len(list(data.training(0, augment=PRESETS["photos"]))), 4)
    assert torch.equal(data.store.images, before)


@pytest.mark.parametrize("start", [0, 1, 3])
def test_classes_drawn_equally_often_go_on_from_any_batch_bit_for_bit(start: int) -> None:
    store = replace(loader(40).store, labels=(torch.arange(40) < 4).long())
    balanced = replace(loader(40), store=store, sampling="balanced")
    whole = list(balanced.training(2, augment=PRESETS["photos"]))
    rest = list(balanced.training(2, augment=PRESETS["photos"], start=start))
    assert len(rest) == 4 - start
    for a, b in zip(whole[start:], rest, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)
    assert sum(labels(whole)) == 20
    # The four pictures of the rare class are drawn five times each, and shifted and mirrored anew every time.
    rare = torch.cat([batch.images[batch.labels == 1] for batch in whole])
    assert len({picture.numpy().tobytes() for picture in rare}) > 4


# --- threads, layouts, pages


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("preset", ["digits", "photos", "strong"])
def test_batches_made_ahead_by_threads_are_the_same_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch, threads: int, preset: str
) -> None:
    data = loader(55)
    alone = list(data.training(2, augment=PRESETS[preset]))
    monkeypatch.setattr(loader_module, "LARGE", 0)
    ahead = replace(data, threads=threads)
    for start in (0, 3):
        batches = list(ahead.training(2, augment=PRESETS[preset], start=start))
        assert len(batches) == len(alone) - start
        assert all(map(alike, batches, alone[start:]))
    assert all(map(alike, ahead.evaluation(), data.evaluation()))


def test_an_epoch_left_in_its_middle_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader_module, "LARGE", 0)
    before = threading.active_count()
    batches = replace(loader(55), threads=2).training(0, augment=NONE)
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_what_a_thread_raises_is_raised_where_the_batch_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loader_module, "LARGE", 0)

    def broken(rows: HeldRows, indices: np.ndarray) -> np.ndarray:
        raise DataError("gone.png: cannot be read any more")

    monkeypatch.setattr(HeldRows, "take", broken)
    with pytest.raises(DataError, match="cannot be read any more"):
        next(replace(loader(55), threads=2).training(0, augment=NONE))


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_layout_changes_the_order_in_memory_and_no_value(layout: torch.memory_format) -> None:
    data = loader(40)
    for one, other in zip(
        data.training(0, augment=NONE), replace(data, layout=layout).training(0, augment=NONE), strict=True
    ):
        assert alike(one, other)
        assert other.images.is_contiguous(memory_format=layout)


def test_pages_hold_every_picture_once_and_few_pages_at_a_time() -> None:
    ids = ids_of([f"train/{i}" for i in range(20_480)])
    places = paged_order(ids, seed=3, epoch=1)
    assert sorted(places.tolist()) == list(range(20_480))
    together = PAGE * PAGES_TOGETHER
    for start in range(0, len(places), together):
        assert len(np.unique(places[start : start + together] // PAGE)) <= PAGES_TOGETHER + 1
    assert (paged_order(ids, seed=3, epoch=2) != places).any()
    assert (paged_order(ids, seed=4, epoch=1) != places).any()
    near = np.abs(np.diff(places[:together])) < PAGE
    assert near.mean() < 0.05  # within its pages an epoch is well shuffled


def test_a_paged_epoch_goes_on_from_any_batch() -> None:
    data = replace(loader(55), paged=True)
    whole = list(data.training(2, augment=PRESETS["digits"]))
    assert sorted(labels(whole)) == sorted(set(labels(whole)))
    assert all(map(alike, data.training(2, augment=PRESETS["digits"], start=4), whole[4:]))


def alike(one: Batch, other: Batch) -> bool:
    return torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


@pytest.mark.parametrize(
    ("layout", "strides"), [(torch.channels_last, (16, 1, 4, 1)), (torch.contiguous_format, (16, 16, 4, 1))]
)
def test_pictures_of_one_channel_have_the_strides_of_their_layout(
    layout: torch.memory_format, strides: tuple[int, ...]
) -> None:
    grey = store_of(torch.zeros(8, 1, 4, 4, dtype=torch.uint8), torch.zeros(8, dtype=torch.long))
    preprocess = Preprocess(size=(4, 4), channels=1, mean=(0.5,), std=(0.5,))
    data = Loader(store=grey, preprocess=preprocess, batch=4, layout=layout)
    assert next(data.training(0, augment=NONE)).images.stride() == strides
    assert next(data.evaluation()).images.stride() == strides
