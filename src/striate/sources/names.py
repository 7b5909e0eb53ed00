"""A compact sequence of names in one block of bytes, since a Python string costs 50 bytes before its first letter."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray


class Names(Sequence[str]):
    """An immutable sequence of strings, each of which takes its length in UTF-8 and 12 bytes.

    File names that are not UTF-8 are kept by Python's surrogate escapes.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        block, ends = bytearray(), []
        for name in names:
            block += name.encode("utf-8", "surrogateescape")
            ends.append(len(block))
        self._block = bytes(block)
        stops = np.array(ends, np.int64)
        self._starts = np.concatenate([[0], stops[:-1]]).astype(np.int64)[: len(stops)]
        self._lengths = (stops - self._starts).astype(np.int32)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Names": ...
    def __getitem__(self, index: int | slice) -> "str | Names":
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        start = self._starts[index]
        return self._block[start : start + self._lengths[index]].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Names):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Names({list(self[:3])}{'...' if len(self) > 3 else ''})"

    @property
    def nbytes(self) -> int:
        """The memory the names take, in bytes."""
        return len(self._block) + self._starts.nbytes + self._lengths.nbytes

    def take(self, indices: NDArray[np.int64]) -> Self:
        """Return the names at these positions; the block of bytes is shared."""
        taken = type(self)()
        taken._block = self._block
        taken._starts, taken._lengths = self._starts[indices], self._lengths[indices]
        return taken
