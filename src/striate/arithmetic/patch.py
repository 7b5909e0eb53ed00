"""Pooling and convolving matrices small enough to write down, in exact numbers.

Pictures are matrices, lists of rows; results are whole numbers and fractions. For learning and checking only.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from striate.arithmetic.window import Window
from striate.errors import UsageError

Number = int | Fraction
Matrix = Sequence[Sequence[Number]]
Windows = tuple[Window, Window]
Pooling = Literal["max", "average"]
# The (row, column) of every cell a window reads at one place, those in the padding too.
Patch = list[tuple[int, int]]


def pool(matrix: Matrix, windows: Windows, *, how: Pooling = "max", ceil: bool = False) -> list[list[Number]]:
    """Return the matrix pooled as PyTorch pools it.

    A maximum ignores padding; an average counts padding as zeros, but not what a `ceil` window covers beyond it.
    """
    for window in windows:
        window.check_pooling()
    height, width = _sides(matrix)

    def largest(patch: Patch) -> Number:
        values = [matrix[y][x] for y, x in patch if 0 <= y < height and 0 <= x < width]
        if not values:
            raise UsageError("A window over padding alone has no maximum. Use less padding or dilation.")
        return max(values)

    def mean(patch: Patch) -> Number:
        counted = [(y, x) for y, x in patch if y < height + windows[0].after and x < width + windows[1].after]
        values = [matrix[y][x] for y, x in counted if 0 <= y < height and 0 <= x < width]
        return whole(Fraction(sum(values), len(counted)))

    of = largest if how == "max" else mean
    return [[of(patch) for patch in row] for row in _patches(windows, height, width, ceil=ceil)]


def convolve(matrix: Matrix, weights: Matrix, windows: Windows, *, bias: Number = 0) -> list[list[Number]]:
    """Return the feature map of one filter over one channel: sums of products, plus the bias; padding is 0.

    As in PyTorch, the filter is not flipped.
    """
    height, width = _sides(matrix)
    sides, kernel = _sides(weights), (windows[0].kernel, windows[1].kernel)
    if sides != kernel:
        raise UsageError(
            f"The filter has {sides[0]}x{sides[1]} weights, but the window is {kernel[0]}x{kernel[1]}."
        )
    flat = [weight for row in weights for weight in row]

    def dot(patch: Patch) -> Number:
        pairs = zip(flat, patch, strict=True)
        return bias + sum(w * matrix[y][x] for w, (y, x) in pairs if 0 <= y < height and 0 <= x < width)

    return [[whole(dot(patch)) for patch in row] for row in _patches(windows, height, width)]


def whole(number: Number) -> Number:
    """Return a whole number as an int, any other as it is."""
    return int(number) if number == int(number) else number


def _patches(windows: Windows, height: int, width: int, *, ceil: bool = False) -> list[list[Patch]]:
    rows = [windows[0].taps(place) for place in range(windows[0].output(height, ceil=ceil))]
    columns = [windows[1].taps(place) for place in range(windows[1].output(width, ceil=ceil))]
    return [[[(y, x) for y in down for x in across] for across in columns] for down in rows]


def _sides(matrix: Matrix) -> tuple[int, int]:
    widths = {len(row) for row in matrix}
    if len(widths) != 1 or 0 in widths:
        raise UsageError("A matrix has rows of one length, of at least one number each.")
    return len(matrix), widths.pop()
