"""What needs a device is tested on torch's meta device where there is no other: shapes and places, not values."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stores import store_of

import striate as library
from striate.data.augment.augment import PRESETS, Augment
from striate.data.augment.mirror import draw_shift, moved, shifted
from striate.data.augment.mix import Mix
from striate.data.draw import Draws
from striate.data.loader import Loader
from striate.errors import UsageError
from striate.host.device import PROCESSOR, chosen_device, device_of
from striate.host.launch import Rank
from striate.pictures.preprocess import Preprocess

META = torch.device("meta")
MOVING = {
    "flip and shift": Augment(flip=True, shift=0.2),
    "every other epoch": Augment(alternate=True, upside_down=True),
    "symmetries": Augment(dihedral=True),
}


def test_without_cuda_the_processor_computes() -> None:
    assert device_of("cpu", Rank()) == PROCESSOR
    if not torch.cuda.is_available():
        assert device_of("auto", Rank(1, 2, 1, 2)) == PROCESSOR


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:0", "auto:1", ""])
def test_a_device_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as raised:
        device_of(name, Rank())
    assert str(raised.value) == f"Unknown device '{name}'. Known: auto, cpu, cuda, cuda:0, cuda:1, ..."


def test_each_rank_has_the_device_of_its_number() -> None:
    assert [chosen_device("auto", Rank(4 + i, 8, i, 4), there=4) for i in range(4)] == [0, 1, 2, 3]
    assert chosen_device("cuda", Rank(), there=4) == 0
    assert chosen_device("cuda:3", Rank(), there=4) == 3


@pytest.mark.parametrize(
    ("name", "here", "there", "message"),
    [
        ("cuda:4", Rank(), 4, "no device cuda:4: the CUDA devices are numbered 0 to 3."),
        (
            "cuda:1", Rank(0, 2, 0, 2), 4,
            "--device cuda:1 is one device for 2 processes. Give cuda, or --nproc 1.",
        ),
        (
            "auto", Rank(0, 8, 0, 8), 2,
            "8 processes need a CUDA device each, and there are 2. Give --nproc 2, or --device cpu.",
        ),
    ],
)  # fmt: skip
def test_a_device_that_is_not_there_is_refused(name: str, here: Rank, there: int, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        chosen_device(name, here, there=there)
    assert str(raised.value) == message


def test_without_cuda_asking_for_it_is_refused(
    striate: Callable[..., Any], finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    for verb in (
        ["train", "fashion"],
        ["resume", finished],
        ["eval", finished],
        ["predict", finished, "x.png"],
    ):
        answer = striate(*verb, "--device", "cuda")
        assert answer.code == 1
        assert answer.err == (
            "striate: no CUDA device for --device cuda: this torch is built without CUDA. "
            "Leave --device out, or give cpu.\n"
        )


def loader(**changes: Any) -> Loader:
    draw = np.random.default_rng(0)
    images = torch.from_numpy(draw.integers(0, 256, (11, 3, 10, 10), dtype=np.uint8))
    preprocess = Preprocess(size=(10, 10), channels=3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))
    return Loader(store=store_of(images, torch.arange(11) % 4), preprocess=preprocess, batch=4, **changes)


@pytest.mark.parametrize("augment", [*MOVING.values(), *PRESETS.values()])
@pytest.mark.parametrize("mix", [None, Mix(mixup=0.3, classes=4)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_batches_are_handed_out_on_the_device(
    augment: Augment, mix: Mix | None, layout: torch.memory_format
) -> None:
    here = list(loader(layout=layout).training(1, augment=augment, mix=mix))
    there = list(loader(layout=layout, device=META).training(1, augment=augment, mix=mix))
    assert len(here) == len(there)
    for a, b in zip(here, there, strict=True):
        for x, y in zip(a, b, strict=True):
            assert y.device == META
            assert (x.shape, x.dtype, x.stride()) == (y.shape, y.dtype, y.stride())


@pytest.mark.parametrize("augment", MOVING.values())
def test_only_moving_whole_pixels_is_left_to_the_device(augment: Augment) -> None:
    assert augment.moves_whole_pixels
    assert PRESETS["digits"].moves_whole_pixels
    assert not PRESETS["photos"].moves_whole_pixels
    assert not PRESETS["aerial"].moves_whole_pixels
    assert not Augment(erasing=0.1).moves_whole_pixels


def test_pictures_are_shifted_on_a_device_as_on_the_processor() -> None:
    images = loader().store.images
    draws = Draws(loader().store.ids, 3, 5)
    expected = shifted(images, draw_shift(draws, share=0.3, size=(10, 10)))
    down, right = (torch.from_numpy(draws.whole(f"shift-{axis}", 7)) - 3 for axis in "yx")
    assert torch.equal(moved(images, down, right), expected)


def test_a_run_computes_on_the_device_it_was_opened_for(finished: Path) -> None:
    run = library.Run(finished, device=META)
    assert {tensor.device for tensor in run.model.state_dict().values()} == {META}
    assert library.open_run(finished).device == PROCESSOR


@pytest.mark.gpu
def test_training_on_a_graphics_processor_learns_and_is_read_back(tmp_path: Path, photos: Path) -> None:
    run = library.train(
        photos, settings=library.Settings(size=8, epochs=4, device="cuda"), out=tmp_path / "run"
    )
    there = library.open_run(run.folder, device="cuda").evaluate()
    here = library.open_run(run.folder).evaluate()
    assert there.score == here.score
    assert there.loss == pytest.approx(here.loss, abs=1e-3)
