"""What moves pixels, as matrices: where a point of the stored picture is seen by the network.

A point is (x, y) in pixels, x to the right and y down, from the upper left corner of a picture: pixel i covers i to
i + 1, and its middle lies at i + 0.5. So a picture W wide ends at x = W, and resizing it is a scaling and no more.
A matrix (2, 3) is a linear part and what is added: linear @ (x, y) + added. Functions whose argument is one for each
picture return one for each, (B, 2, 3).
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from striate.data.augment.affine import Affine
from striate.data.augment.crop import Boxes
from striate.data.augment.mirror import STRAIGHT, Chosen, Numbered, Shift
from striate.data.augment.trivial import Trivial

Matrices = NDArray[np.float64]  # (2, 3), or (B, 2, 3): one for each picture
Points = NDArray[np.float64]  # (B, N, 2): x and y of the points of each picture; NaN is no point
Size = tuple[int, int]  # height, width


@dataclass(frozen=True, kw_only=True)
class Moves:
    """What was drawn for the pictures of a batch that moves their pixels, in this order; None where it is not done.

    What moves whole pixels is done at the size `at`.
    """

    at: Size
    boxes: Boxes | None = None
    mirrored: Chosen | None = None
    overturned: Chosen | None = None
    symmetry: Numbered | None = None
    shift: Shift | None = None
    warp: Affine | None = None
    trivial: Trivial | None = None

    def matrices(self, *, side: Size, size: Size) -> Matrices:
        """Return (B or 1, 2, 3) from stored pictures of `side` to the network's input of `size`."""
        steps = [scaling(side, self.at) if self.boxes is None else cropping(self.boxes, self.at)]
        if self.mirrored is not None:
            steps.append(mirroring(self.mirrored, self.at, axis=3))
        if self.overturned is not None:
            steps.append(mirroring(self.overturned, self.at, axis=2))
        if self.symmetry is not None:
            steps.append(turning(self.symmetry, self.at))
        if self.shift is not None:
            steps.append(shifting(self.shift))
        steps.append(scaling(self.at, size))
        if self.warp is not None:
            steps.append(warping(self.warp, size))
        if self.trivial is not None:
            steps.append(warping(self.trivial.affine(size), size))
        return in_turn(*steps)


def scaling(have: Size, want: Size) -> Matrices:
    """Return the matrix (2, 3) of resizing from one size (height, width) to another."""
    return np.array([[want[1] / have[1], 0.0, 0.0], [0.0, want[0] / have[0], 0.0]])


def cropping(boxes: Boxes, size: Size) -> Matrices:
    """Return the matrices of cutting out boxes (top, left, height, width) and resizing each to `size`."""
    top, left, height, width = boxes.T.astype(np.float64)
    matrices = np.zeros((len(boxes), 2, 3))
    matrices[:, 0, 0], matrices[:, 1, 1] = size[1] / width, size[0] / height
    matrices[:, 0, 2], matrices[:, 1, 2] = -left * matrices[:, 0, 0], -top * matrices[:, 1, 1]
    return matrices


def mirroring(chosen: Chosen, size: Size, *, axis: int) -> Matrices:
    """Return the matrices of reversing the chosen pictures along an axis: 3 mirrors, 2 turns upside down."""
    row = 3 - axis
    matrices = np.tile(np.eye(2, 3), (len(chosen), 1, 1))
    matrices[chosen, row, row] = -1.0
    matrices[chosen, row, 2] = size[axis - 2]
    return matrices


def turning(symmetry: Numbered, size: Size) -> Matrices:
    """Return the matrices of the symmetries that `turned` takes pictures of `size` through."""
    across = np.tile(np.eye(2, 3), (len(symmetry), 1, 1))
    across[symmetry >= STRAIGHT] = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    return in_turn(
        mirroring(symmetry % 2 == 1, size, axis=3),
        mirroring(symmetry // 2 % 2 == 1, size, axis=2),
        across,
    )


def shifting(shift: Shift) -> Matrices:
    """Return the matrices of moving by whole pixels."""
    matrices = np.tile(np.eye(2, 3), (len(shift.down), 1, 1))
    # A picture that is taken from further down is seen further up.
    matrices[:, 0, 2], matrices[:, 1, 2] = -shift.right, -shift.down
    return matrices


def warping(affine: Affine, size: Size) -> Matrices:
    """Return the matrices of a warp, which itself says from where in a picture of `size` each pixel is taken."""
    middle = np.array([size[1] / 2, size[0] / 2])
    added = middle + affine.offset - affine.linear @ middle
    return inverse(np.concatenate([affine.linear, added[:, :, None]], 2))


def in_turn(*steps: Matrices) -> Matrices:
    """Return the matrices that do what the steps do, the first of them first."""
    return reduce(_then, steps)


def inverse(matrices: Matrices) -> Matrices:
    """Return the matrices (..., 2, 3) that lead back."""
    back = np.linalg.inv(matrices[..., :2])
    return np.concatenate([back, -(back @ matrices[..., 2:])], -1)


def moved_points(points: Points, matrices: Matrices) -> Points:
    """Return the points (B, N, 2) of each picture where its matrix takes them; those that are NaN stay so."""
    return points @ np.swapaxes(matrices[..., :2], -1, -2) + matrices[..., None, :, 2]


def _then(first: Matrices, second: Matrices) -> Matrices:
    together: Matrices = second[..., :2] @ first
    together[..., 2] += second[..., 2]
    return together
