"""Pictures stored as pixels in one array."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.source import stamp_of

# Pictures processed at a time, so that a memory-mapped array may be larger than memory.
CHUNK = 1024
# How far 255 times a float may be from an integer for the float to count as a byte divided by 255.
ROUNDING = 1e-3


@dataclass(frozen=True)
class ArrayPictures:
    """The pictures of one split in an array (M, H, W) or (M, H, W, C), in memory or memory-mapped.

    `positions` (N,) are the pictures' indices into `images`; `stamped` is a number that changes with the file.
    """

    split: str
    images: NDArray[Any]
    labels: NDArray[Any]
    positions: NDArray[np.int64]
    stamped: int = 0

    def __len__(self) -> int:
        return len(self.positions)

    def name(self, index: int) -> str:
        """Return the split and the position in `images`, such as train/0."""
        return f"{self.split}/{self.positions[index]}"

    def stamp(self, index: int) -> int:
        """Return a number of the file's own and the position, or of the pixels where they are of no file."""
        if self.stamped:
            return stamp_of(self.stamped, int(self.positions[index]))
        pixels = np.ascontiguousarray(self.read(index))
        shape = f"{pixels.dtype.str} {pixels.shape}".encode()
        return int.from_bytes(
            blake2b(pixels.data, digest_size=8, salt=blake2b(shape, digest_size=8).digest()).digest()
        )

    def read(self, index: int) -> NDArray[Any]:
        """Return the pixels (H, W) or (H, W, C)."""
        pixels: NDArray[Any] = self.images[self.positions[index]]
        return pixels

    def subset(self, indices: NDArray[np.int64]) -> "ArrayPictures":
        """Return the pictures at these positions."""
        return ArrayPictures(
            self.split, self.images, self.labels[indices], self.positions[indices], self.stamped
        )


def as_pictures(images: NDArray[Any], *, place: str) -> NDArray[Any]:
    """Return pictures (N, H, W) or (N, H, W, C) as uint8 or uint16, without a copy where they already are.

    Floats must lie in 0..1; they become uint8 if all are bytes divided by 255, else uint16. Integers of other types
    must lie in 0..255. Booleans become 0 and 255. Raises DataError, which begins with `place`, where values lie outside
    or it is ambiguous which axis holds the channels.
    """
    images = _channels_last(images, place)
    if images.dtype in (np.uint8, np.uint16):
        return images.astype(images.dtype.newbyteorder("="), copy=False)
    if images.dtype == bool:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind not in "iuf":
        raise DataError(f"{place} is of type {images.dtype}; wanted uint8, uint16, or floats in 0..1.")
    top = 1 if images.dtype.kind == "f" else 255
    _refuse_beyond(images, top, place)
    if top == 255:
        return images.astype(np.uint8)
    return _as_type(images, np.uint8) if _were_bytes(images) else _as_type(images, np.uint16)


def _channels_last(images: NDArray[Any], place: str) -> NDArray[Any]:
    """Return pictures with the channel axis last; in (N, C, H, W) or (N, H, W, C) it is the smallest of the three."""
    if images.ndim == 3:
        return images
    if images.ndim != 4:
        raise DataError(f"{place} has shape {images.shape}; wanted (N, H, W), (N, H, W, C) or (N, C, H, W).")
    first, last = images.shape[1], images.shape[3]
    smallest = min(images.shape[1:])
    if (first == smallest) == (last == smallest):
        raise DataError(
            f"{place} has shape {images.shape}: it cannot be told which axis holds the channels. Wanted: "
            "(N, H, W, C) or (N, C, H, W) with fewer channels than rows and columns, or (N, H, W)."
        )
    return images if last == smallest else images.transpose(0, 2, 3, 1)


def _chunks(images: NDArray[Any]) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, len(images), CHUNK)]


def _refuse_beyond(images: NDArray[Any], top: int, place: str) -> None:
    for chunk in _chunks(images):
        low, high = images[chunk].min(initial=0), images[chunk].max(initial=0)
        if not (low >= 0 and high <= top):
            hint = " Divide them by 255." if top == 1 and 1 < high <= 255 and low >= 0 else ""
            raise DataError(
                f"{place} has {images.dtype} values from {low:g} to {high:g}; wanted 0 to {top}.{hint}"
            )


def _were_bytes(images: NDArray[Any]) -> bool:
    """Say whether all floats are bytes divided by 255, within rounding."""
    scaled = (images[chunk] * np.float32(255) for chunk in _chunks(images))
    return all(bool((np.abs(values - np.rint(values)) < ROUNDING).all()) for values in scaled)


def _as_type(images: NDArray[Any], kind: type[np.uint8] | type[np.uint16]) -> NDArray[Any]:
    """Return floats in 0..1 scaled to the full range of an integer type and rounded."""
    whole = np.empty(images.shape, kind)
    for chunk in _chunks(images):
        whole[chunk] = np.rint(images[chunk].astype(np.float64) * np.iinfo(kind).max)
    return whole
