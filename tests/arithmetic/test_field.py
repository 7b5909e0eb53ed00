import random
from fractions import Fraction

import pytest
import torch
from torch import nn

from striate.arithmetic.field import Field
from striate.arithmetic.window import Window
from striate.errors import UsageError


def test_two_stacked_3x3_see_what_one_5x5_sees() -> None:
    assert Field().through(Window(3)).through(Window(3)) == Field().through(Window(5))
    assert Field().through(Window(3)).through(Window(3)).size == 5


def test_the_fields_of_published_networks_come_out() -> None:
    conv, pool = Window(3, padding=1), Window(2, stride=2)
    vgg16 = [conv, conv, pool] * 2 + [conv, conv, conv, pool] * 3
    alexnet = [
        Window(11, stride=4),
        Window(3, stride=2),
        Window(5, padding=2),
        Window(3, stride=2),
        *[conv] * 3,
        Window(3, stride=2),
    ]
    lenet5 = [Window(5), pool, Window(5), pool, Window(5)]
    assert seen(vgg16).size == 212
    assert seen(alexnet).size == 195
    assert seen(lenet5).size == 32
    assert (seen(vgg16).jump, seen(vgg16).start) == (32, -90)


def test_padding_moves_the_start_and_stride_the_jump() -> None:
    field = Field().through(Window(7, stride=2, padding=3)).through(Window(3, stride=2, padding=1))
    assert (field.size, field.jump, field.start) == (11, 4, -5)
    assert field.span(0) == (-5, 5)
    assert field.span(10) == (35, 45)
    assert field.centre == 0


def test_branches_join_to_all_that_any_sees_and_remember_the_narrowest() -> None:
    block = Field().through(Window(3, padding=1)).through(Window(3, padding=1)).merge(Field())
    assert (block.size, block.start, block.range) == (5, -2, (1, 5))
    behind = block.through(Window(3, padding=1))
    assert (behind.size, behind.range) == (7, (3, 7))


def test_branches_side_by_side_see_their_hull() -> None:
    left, right = Field().through(Window(3, padding=(2, 0))), Field().through(Window(3, padding=(0, 2)))
    assert left.merge(right).span(4) == (2, 6)
    assert left.merge(right).range == (3, 5)


def test_equal_branches_have_no_range() -> None:
    field = Field().through(Window(3))
    assert field.merge(field) == field
    assert field.range == (3, 3)


def test_branches_of_different_jumps_are_refused() -> None:
    with pytest.raises(UsageError) as error:
        Field().through(Window(2, stride=2)).merge(Field())
    assert str(error.value) == (
        "Branches of one map must move over the input at one pace; got jumps of 2, 1."
    )


def test_a_broken_jump_cannot_be_made_by_hand() -> None:
    with pytest.raises(UsageError) as error:
        Field(jump=Fraction(1, 2))
    assert str(error.value) == "A jump of 1/2 comes of through_transposed; it has phases."


def test_upsampling_by_two_makes_the_jump_a_half() -> None:
    field = Field().through_transposed(Window(2, stride=2))
    assert field.jump == Fraction(1, 2)
    assert (field.size, field.range) == (1, (1, 1))
    assert [field.span(output) for output in range(4)] == [(0, 0), (0, 0), (1, 1), (1, 1)]


def test_a_strided_window_and_its_transpose_give_back_the_jump() -> None:
    field = Field().through(Window(2, stride=2)).through_transposed(Window(2, stride=2))
    assert field.jump == 1
    assert field.size == 2
    assert [field.span(output) for output in range(4)] == [(0, 1), (0, 1), (2, 3), (2, 3)]


def test_a_transposed_window_with_holes_has_outputs_that_read_nothing() -> None:
    field = Field().through_transposed(Window(1, stride=2))
    assert [field.span(output) for output in range(3)] == [(0, 0), None, (1, 1)]


def test_fields_agree_with_following_every_pixel_by_hand() -> None:
    draw = random.Random(11)
    for _ in range(300):
        stack = [random_window(draw) for _ in range(draw.randint(1, 4))]
        flips = [draw.random() < 0.4 for _ in stack]
        field = Field()
        for window, flipped in zip(stack, flips, strict=True):
            field = field.through_transposed(window) if flipped else field.through(window)
        spans = [by_hand(stack, flips, output) for output in range(200, 200 + 72)]
        assert [field.span(output) for output in range(200, 200 + 72)] == spans, (stack, flips)
        assert field.size == max((last - first + 1 for first, last in filter(None, spans)), default=0)


def test_merged_fields_agree_with_following_every_pixel_by_hand() -> None:
    draw = random.Random(12)
    for _ in range(200):
        stride, kernel = draw.randint(1, 3), draw.randint(1, 4)
        one = [Window(kernel, stride=stride, padding=draw.randint(0, 2)), Window(draw.randint(1, 4))]
        two = [Window(draw.randint(1, 5), stride=stride, padding=draw.randint(0, 2))]
        merged = seen(one).merge(seen(two))
        for output in range(50, 56):
            spans = [by_hand(stack, [False, False], output) for stack in (one, two)]
            known = [span for span in spans if span]
            assert merged.span(output) == (min(k[0] for k in known), max(k[1] for k in known))
        sizes = {seen(one).size, seen(two).size}
        assert merged.range == (min(sizes), merged.size)


def seen(stack: list[Window]) -> Field:
    field = Field()
    for window in stack:
        field = field.through(window)
    return field


def random_window(draw: random.Random) -> Window:
    return Window(
        draw.randint(1, 4),
        stride=draw.randint(1, 3),
        padding=(draw.randint(0, 2), draw.randint(0, 2)),
        dilation=draw.choice([1, 1, 2]),
    )


def by_hand(stack: list[Window], flips: list[bool], output: int) -> tuple[int, int] | None:
    """Follow each tap back to the input one layer at a time, as sets of pixels."""
    pixels = {output}
    for window, flipped in zip(reversed(stack), reversed(flips), strict=False):
        if flipped:
            reached = {p + window.before - k * window.dilation for p in pixels for k in range(window.kernel)}
            pixels = {p // window.stride for p in reached if p % window.stride == 0}
        else:
            pixels = {p for place in pixels for p in window.taps(place)}
    return (min(pixels), max(pixels)) if pixels else None


def test_fields_are_what_the_gradient_of_real_layers_reaches() -> None:
    torch.set_num_threads(1)
    draw = random.Random(13)
    for _ in range(120):
        stack = [random_window(draw) for _ in range(draw.randint(1, 3))]
        flips = [draw.random() < 0.4 for _ in stack]
        picture = torch.zeros(1, 1, 600, dtype=torch.float64, requires_grad=True)
        field, output = Field(), picture
        for window, flipped in zip(stack, flips, strict=True):
            field = field.through_transposed(window) if flipped else field.through(window)
            output = layer(window, flipped)(output)
        middle = output.shape[-1] // 2
        for place in range(middle, middle + 6):
            (reached,) = torch.autograd.grad(output[0, 0, place], picture, retain_graph=True)
            pixels = reached[0, 0].nonzero().flatten().tolist()
            assert field.span(place) == ((pixels[0], pixels[-1]) if pixels else None), (stack, flips, place)


def layer(window: Window, flipped: bool) -> nn.Module:
    """Return a layer of torch with weights of 1, its two ends padded or cut apart."""
    kind = nn.ConvTranspose1d if flipped else nn.Conv1d
    slide = kind(1, 1, window.kernel, window.stride, dilation=window.dilation, bias=False).double()
    nn.init.ones_(slide.weight)
    sign = -1 if flipped else 1
    pad = nn.ConstantPad1d((sign * window.before, sign * window.after), 0.0)
    return nn.Sequential(slide, pad) if flipped else nn.Sequential(pad, slide)
