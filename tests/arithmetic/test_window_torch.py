"""Window against the layers it speaks of: the same sizes and refusals on 20,000 random settings."""

import random
from collections.abc import Callable
from random import Random

import pytest
import torch
from torch import nn

from striate.arithmetic.window import Window
from striate.errors import UsageError

# One random setting of a layer, the size Window gives and the size torch gives; None for a refusal.
Case = tuple[str, int | None, int | None]

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def convolution(draw: Random) -> Case:
    size, k, s, p, d = draw.randint(1, 12), *setting(draw)
    return (
        f"size {size}, kernel {k}, stride {s}, padding {p}, dilation {d}",
        ours(lambda: Window(k, stride=s, padding=p, dilation=d).output(size)),
        torchs(lambda: nn.Conv2d(1, 1, k, s, p, d, bias=False), size),
    )


def same_convolution(draw: Random) -> Case:
    size, k, s, _, d = draw.randint(1, 12), *setting(draw)
    s = 1 if s < 4 else 2
    return (
        f"size {size}, kernel {k}, stride {s}, padding same, dilation {d}",
        ours(lambda: Window(k, stride=s, padding="same", dilation=d).output(size)),
        torchs(lambda: nn.Conv2d(1, 1, k, s, "same", d, bias=False), size),
    )


def lopsided_convolution(draw: Random) -> Case:
    size, k, s, p, d = draw.randint(1, 12), *setting(draw)
    q = draw.randint(0, 4)

    def layer() -> nn.Module:
        return nn.Sequential(nn.ZeroPad2d((p, q, p, q)), nn.Conv2d(1, 1, k, s, 0, d, bias=False))

    return (
        f"size {size}, kernel {k}, stride {s}, padding {(p, q)}, dilation {d}",
        ours(lambda: Window(k, stride=s, padding=(p, q), dilation=d).output(size)),
        torchs(layer, size),
    )


def max_pooling(draw: Random) -> Case:
    size, k, s, p, d = draw.randint(1, 12), *setting(draw)
    p, ceil = p // 2, draw.random() < 0.5
    return (
        f"size {size}, kernel {k}, stride {s}, padding {p}, dilation {d}, ceil {ceil}",
        ours(lambda: pooled(Window(k, stride=s, padding=p, dilation=d), size, ceil)),
        torchs(lambda: nn.MaxPool2d(k, s, p, d, ceil_mode=ceil), size),
    )


def average_pooling(draw: Random) -> Case:
    size, k, s, p, _ = draw.randint(1, 12), *setting(draw)
    p, ceil = p // 2, draw.random() < 0.5
    return (
        f"size {size}, kernel {k}, stride {s}, padding {p}, ceil {ceil}",
        ours(lambda: pooled(Window(k, stride=s, padding=p), size, ceil)),
        torchs(lambda: nn.AvgPool2d(k, s, p, ceil_mode=ceil), size),
    )


def transposed_convolution(draw: Random) -> Case:
    size, k, s, p, d = draw.randint(1, 6), *setting(draw)
    extra = draw.randint(0, 3)
    return (
        f"size {size}, kernel {k}, stride {s}, padding {p}, dilation {d}, output padding {extra}",
        ours(lambda: Window(k, stride=s, padding=p, dilation=d).transposed(size, output_padding=extra)),
        torchs(lambda: nn.ConvTranspose2d(1, 1, k, s, p, extra, bias=False, dilation=d), size),
    )


LAYERS: list[tuple[Callable[[Random], Case], int]] = [
    (convolution, 4000),
    (same_convolution, 3000),
    (lopsided_convolution, 3000),
    (max_pooling, 4000),
    (average_pooling, 3000),
    (transposed_convolution, 3000),
]


@pytest.mark.parametrize(("layer", "settings"), LAYERS)
def test_a_window_has_the_size_of_the_layer_and_refuses_what_it_refuses(
    layer: Callable[[Random], Case], settings: int
) -> None:
    draw = random.Random(f"window {layer.__name__}")
    cases = [layer(draw) for _ in range(settings)]
    assert [case for case in cases if case[1] != case[2]] == []
    refused = sum(case[1] is None for case in cases)
    assert 0.05 < refused / settings < 0.6, "both sizes and refusals are tried"


def test_20000_settings_are_tried() -> None:
    assert sum(settings for _, settings in LAYERS) == 20_000


def test_dropped_pixels_are_those_no_gradient_of_a_convolution_reaches() -> None:
    draw = random.Random(5)
    for size, window in drawn_windows(draw, 400):
        layer = nn.Conv1d(1, 1, window.kernel, window.stride, window.before, window.dilation, bias=False)
        nn.init.ones_(layer.weight)
        picture = torch.zeros(1, 1, size, requires_grad=True)
        layer(picture).sum().backward()
        assert picture.grad is not None
        reached = [int(times) for times in picture.grad[0, 0]]
        assert list(window.reads(size)) == reached
        assert window.unread(size) == reached.count(0)
        assert window.dropped(size) == trailing_zeros(reached), (window, size)


def test_dropped_pixels_are_those_no_maximum_notices() -> None:
    draw = random.Random(6)
    for size, window in drawn_windows(draw, 600):
        if window.before > window.kernel // 2:
            continue
        pool = nn.MaxPool1d(window.kernel, window.stride, window.before, window.dilation, ceil_mode=True)
        # One bright pixel at a time: the sum over the map is how many windows read it.
        maps = pool(torch.eye(size)[:, None]).clamp(min=0)
        reached = [int(times) for times in maps.sum((1, 2))]
        assert list(window.reads(size, ceil=True)) == reached
        assert window.unread(size, ceil=True) == reached.count(0)
        assert window.dropped(size, ceil=True) == trailing_zeros(reached), (window, size)


def drawn_windows(draw: Random, count: int) -> list[tuple[int, Window]]:
    """Return `count` sizes and windows that go together, gaps between windows and between taps included."""
    drawn: list[tuple[int, Window]] = []
    while len(drawn) < count:
        size, k, s, p, d = draw.randint(1, 24), *setting(draw)
        window = Window(k, stride=s, padding=p, dilation=d)
        if window.exact(size) >= 1:
            drawn.append((size, window))
    return drawn


def setting(draw: Random) -> tuple[int, int, int, int]:
    """Return a kernel, a stride, a padding and a dilation."""
    return draw.randint(1, 6), draw.randint(1, 5), draw.randint(0, 4), draw.choice([1, 1, 2, 3, 4])


def pooled(window: Window, size: int, ceil: bool) -> int:
    window.check_pooling()
    return window.output(size, ceil=ceil)


def ours(size: Callable[[], int]) -> int | None:
    try:
        return size()
    except UsageError:
        return None


def torchs(layer: Callable[[], nn.Module], size: int) -> int | None:
    try:
        with torch.no_grad():
            output = layer()(torch.zeros(1, 1, size, size))
    except (RuntimeError, ValueError):
        return None
    # An empty map counts as refused: some of torch's backends return what others refuse.
    return int(output.shape[-1]) or None


def trailing_zeros(counts: list[int]) -> int:
    return len(counts) - max((at + 1 for at, count in enumerate(counts) if count), default=0)
