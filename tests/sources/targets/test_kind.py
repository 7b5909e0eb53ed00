"""What must be true of a data set before anything can be learned from it."""

from pathlib import Path

import numpy as np
import pytest

import striate
from striate.errors import DataError


def test_a_split_of_another_name_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    def part(split: str) -> striate.ArrayPictures:
        return striate.ArrayPictures(
            split, np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1]), np.arange(4)
        )

    splits = {name: part(name) for name in ("train", "validation", "holdout")}
    source = striate.Source(tmp_path, "mine", ("a", "b"), splits)
    said = f"{tmp_path}: a split is called 'validation'; wanted are train, val, test, all. Rename it."
    for ask in (striate.check, striate.train):
        with pytest.raises(DataError) as caught:
            ask(source)
        assert str(caught.value) == said
