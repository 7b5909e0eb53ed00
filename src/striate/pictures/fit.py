"""How a picture comes to lie in the network's input: which part of it is taken, at what size, and where it stands."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.errors import UsageError
from striate.pictures.jpeg import FACTORS

Fit = Literal["crop", "squash", "pad"]
Size = tuple[int, int]  # height, width
Matrix = NDArray[np.float64]  # (2, 3): a linear part, and what is added to it


class Place(NamedTuple):
    """The box (left, top, right, bottom) of a picture that is taken, and the size and corner it has in the input."""

    box: tuple[float, float, float, float]
    size: Size
    top: int = 0
    left: int = 0

    @property
    def matrix(self) -> Matrix:
        """The matrix that takes a point of the picture to the input."""
        left, top, right, bottom = self.box
        x, y = self.size[1] / (right - left), self.size[0] / (bottom - top)
        return np.array([[x, 0.0, self.left - left * x], [0.0, y, self.top - top * y]])


def place(have: Size, want: Size, fit: Fit, *, whole: bool = False) -> Place:
    """Return how a picture of one size is put into an input of another; `whole` cuts between pixels, never in one."""
    height, width = have
    if fit == "pad":
        scale = min(want[0] / height, want[1] / width)
        tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
        return Place((0, 0, width, height), (tall, wide), (want[0] - tall) // 2, (want[1] - wide) // 2)
    if fit == "squash":
        return Place((0, 0, width, height), want)
    left, top, right, bottom = middle(have, want)
    if whole:
        left, top, right, bottom = map(round, (left, top, right, bottom))
        right, bottom = max(right, left + 1), max(bottom, top + 1)
    return Place((left, top, right, bottom), want)


def middle(have: Size, want: Size) -> tuple[float, float, float, float]:
    """Return the largest centred box (left, top, right, bottom) with the proportions of `want`."""
    # The side that is kept whole is taken as it is: its ratio, multiplied out again, may pass the edge by a bit.
    height, width = float(have[0]), float(have[1])
    if have[0] * want[1] > have[1] * want[0]:
        height = want[0] * width / want[1]
    else:
        width = want[1] * height / want[0]
    top, left = (have[0] - height) / 2, (have[1] - width) / 2
    return left, top, left + width, top + height


def shrinking(size: Size, decoded: Size) -> Matrix:
    """Return the matrix from a file's pixels to those of a rough decode, which are a half, a quarter or an eighth.

    What the last of them reach over the picture's edge, under a pixel, stands on the right or, in a file that is
    turned upright, on the left: half of it is taken to be on either side. Raises UsageError for any other size.
    """
    if decoded == size:
        return np.eye(2, 3)
    for factor in FACTORS:
        if decoded == (-(-size[0] // factor), -(-size[1] // factor)):
            x, y = ((decoded[i] - size[i] / factor) / 2 for i in (1, 0))
            return np.array([[1 / factor, 0.0, x], [0.0, 1 / factor, y]])
    raise UsageError(
        f"decoded is {decoded[1]} x {decoded[0]}, which a picture of {size[1]} x {size[0]} is never decoded at; "
        "give the size of what Preprocess.decoded returned of it."
    )
