"""The Python door: what is given is held to what is declared, before anything is read or made."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate
from striate.errors import UsageError


def test_a_sweep_by_numpy_gives_the_settings_that_python_numbers_give() -> None:
    swept = striate.Settings(
        epochs=np.int64(3),  # type: ignore[arg-type]
        lr=np.float32(0.5),  # type: ignore[arg-type]
        batch=np.array(8),  # type: ignore[arg-type]
        val=np.True_,  # type: ignore[arg-type]
        ema=0,
        weights=Path("a.safetensors"),  # type: ignore[arg-type]
    )
    assert swept == striate.Settings(epochs=3, lr=0.5, batch=8, val=True, ema=0.0, weights="a.safetensors")
    assert [type(v) for v in (swept.epochs, swept.lr, swept.batch, swept.val)] == [int, float, int, bool]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"epochs": 1.5}, "epochs is 1.5; it must be a whole number or None."),
    ({"epochs": True}, "epochs is True; it must be a whole number or None."),
    ({"batch": "8"}, "batch is '8'; it must be a whole number or None."),
    ({"lr": "0.1"}, "lr is '0.1'; it must be a number or None."),
    ({"pack": 1}, "pack is 1; it must be True or False."),
    ({"augment": 3}, "augment is 3; it must be a text or Augment or None."),
    ({"net": 5}, "net is 5; it must be a text or None."),
    ({"seed": None}, "seed is None; it must be a whole number."),
    ({"lr": [0.1]}, "lr is [0.1]; it must be a number or None."),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_a_setting_of_another_type_is_refused_by_its_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        striate.Settings(**given)
    assert str(caught.value) == message


def test_numbers_out_of_range_are_refused_at_every_door(finished: Path, photos: Path) -> None:
    run = striate.open_run(finished)
    doors: list[tuple[Any, str]] = [
        (lambda: run.predict(np.zeros((8, 8, 3), np.uint8), top=-1), "top is -1; it must be at least 1."),
        (lambda: run.predict(np.zeros((8, 8, 3), np.uint8), top=0), "top is 0; it must be at least 1."),
        (
            lambda: run.predict(["a.png", "b.png"]),  # type: ignore[arg-type]
            "predict was given a list; it takes one picture: a path, a Pillow image or an array (H, W) or (H, W, C).",
        ),
        (lambda: striate.check(photos, threads=-1), "threads is -1; it must be at least 1."),
        (lambda: striate.build("lenet5", num_classes=-1), "num_classes is -1; it must be at least 1."),
        (lambda: striate.build("lenet5", num_classes=0), "num_classes is 0; it must be at least 1."),
        (lambda: striate.build("lenet5", in_channels=0), "in_channels is 0; it must be at least 1."),
    ]
    for ask, message in doors:
        with pytest.raises(UsageError) as caught:
            ask()
        assert str(caught.value) == message
