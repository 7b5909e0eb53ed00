"""What "same" padding is in the layer language: a map of N becomes N / stride, or N * stride transposed.

An odd kernel pads (kernel - 1) / 2 as the world does, so that any size is divided rounding up. An even
kernel pads (kernel - stride) / 2, which divides the sizes that are multiples of the stride. At stride 1 an
even kernel has no such padding. Both functions return (padding, output padding), or None where there is none.
"""


def same_padding(kernel: int, stride: int, dilation: int) -> tuple[int, int] | None:
    """Return the padding of both ends of an axis with which it shrinks `stride` times."""
    reach = dilation * (kernel - 1) + 1
    if reach % 2:
        return (reach - 1) // 2, 0
    return (max(0, -(-(reach - stride) // 2)), 0) if stride > 1 else None


def same_transposed(kernel: int, stride: int, dilation: int) -> tuple[int, int] | None:
    """Return the padding and output padding with which an axis grows `stride` times."""
    reach = dilation * (kernel - 1) + 1
    padding = max(0, -(-(reach - stride) // 2))
    extra = stride + 2 * padding - reach
    return (padding, extra) if extra < max(stride, dilation) else None
