import gc
import threading
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from striate.data.store.rows import DecodedRows
from striate.errors import DataError
from striate.pictures.preprocess import Preprocess

PREPROCESS = Preprocess(size=(2, 2), channels=1, mean=(), std=())


@dataclass(frozen=True)
class Counted:
    """Pictures of the number of threads that torch has where they are read; the one after the last is gone."""

    count: int

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.zeros(self.count, np.int64)

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"사진{index}.png"

    def stamp(self, index: int) -> int:
        return index

    def read(self, index: int) -> NDArray[np.uint8]:
        if index == self.count:
            raise FileNotFoundError(2, "No such file or directory")
        return np.full((2, 2), torch.get_num_threads(), np.uint8)

    def subset(self, indices: NDArray[np.int64]) -> "Counted":
        return Counted(len(indices))


def test_pictures_are_decoded_by_threads_that_compute_alone_and_end_with_the_rows() -> None:
    before, others = torch.get_num_threads(), threading.enumerate()
    torch.set_num_threads(3)
    try:
        rows = DecodedRows(Counted(9), PREPROCESS, threads=2)
        for _ in range(2):
            np.testing.assert_array_equal(rows.take(np.arange(9)), np.ones((9, 2, 2, 1)))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    mine = [thread for thread in threading.enumerate() if thread not in others]
    assert len(mine) == 2
    del rows
    gc.collect()
    for thread in mine:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_a_picture_that_is_gone_is_named() -> None:
    with pytest.raises(DataError) as caught:
        DecodedRows(Counted(3), PREPROCESS, threads=2).take(np.array([1, 3]))
    assert str(caught.value) == (
        "사진3.png: cannot be read any more ([Errno 2] No such file or directory). Put the file back and go on."
    )
