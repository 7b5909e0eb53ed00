import random
from dataclasses import replace

from striate.arithmetic.fix import Fix, fixes
from striate.arithmetic.window import Window


def test_a_filter_of_3_and_stride_3_over_7_is_fixed_by_padding_first() -> None:
    assert told(Window(3, stride=3), 7) == [
        ("padding", 1, 3),
        ("stride", 2, 3),
        ("kernel", 4, 2),
        ("size", 6, 2),
        ("size", 9, 3),
    ]


def test_a_window_that_fits_needs_no_fix() -> None:
    assert fixes(Window(3), 7) == ()


def test_an_odd_cell_left_over_is_mended_behind_the_picture() -> None:
    assert told(Window(7, stride=2, padding=3), 224)[:2] == [
        ("padding", (3, 4), 113),
        ("padding", (3, 2), 112),
    ]


def test_a_window_wider_than_the_axis_can_be_mended_too() -> None:
    assert told(Window(5), 3) == [("padding", 1, 1), ("kernel", 3, 1), ("size", 5, 1)]


def test_a_pooling_is_offered_only_padding_it_takes() -> None:
    assert told(Window(2, stride=2), 7)[0] == ("padding", (0, 1), 4)
    assert fixes(Window(2, stride=2), 7, pooling=True)[0].setting == "stride"
    fixes(Window(5, stride=5), 19, pooling=True)[0].window.check_pooling()


def test_a_fix_says_the_window_and_size_to_use() -> None:
    first, *_, last = fixes(Window(3, stride=3), 7)
    assert first == Fix("padding", Window(3, stride=3, padding=1), 7)
    assert last == Fix("size", Window(3, stride=3), 9)


def test_every_fix_fits_changes_one_setting_and_none_nearer_would_do() -> None:
    draw = random.Random(3)
    for _ in range(1500):
        size = draw.randint(1, 30)
        window = Window(
            draw.randint(1, 7),
            stride=draw.randint(1, 5),
            padding=draw.choice([0, 0, 1, 2, (0, 1)]),
            dilation=draw.choice([1, 1, 2]),
        )
        for fix in fixes(window, size):
            assert fix.window.fits(fix.size)
            assert max(fix.window.before, fix.window.after) < max(
                fix.window.reach, 1 + window.before + window.after
            )
            changed = [
                name
                for name in ("kernel", "stride", "padding", "dilation")
                if getattr(fix.window, name) != getattr(window, name)
            ]
            assert [*changed, *(["size"] if fix.size != size else [])] == [fix.setting]
            assert fix.window.stride <= fix.window.reach or window.stride > window.reach
        near = {fix.size - size for fix in fixes(window, size) if fix.setting == "size"}
        every = {n for n in range(1, 80) if window.fits(n)}
        up, down = [n for n in every if n > size], [n for n in every if n < size]
        if not window.fits(size):
            assert near == {*([min(up) - size] if up else []), *([max(down) - size] if down else [])}


def test_every_window_that_does_not_fit_has_a_fix() -> None:
    for size in range(1, 20):
        for kernel in range(1, 9):
            for stride in range(1, 6):
                window = Window(kernel, stride=stride)
                assert window.fits(size) or fixes(window, size)


def test_the_nearest_stride_and_kernel_are_those_found_by_trying_all() -> None:
    window, size = Window(4, stride=5, padding=1), 18
    strides = [s for s in range(1, 17) if replace(window, stride=s).fits(size)]
    kernels = [k for k in range(1, 21) if replace(window, kernel=k).fits(size)]
    assert (strides, kernels) == ([1, 2, 4, 8, 16], [5, 10, 15, 20])
    # A stride of 8 would step over pixels.
    assert [fix.value for fix in fixes(window, size) if fix.setting == "stride"] == [4]
    assert [fix.value for fix in fixes(window, size) if fix.setting == "kernel"] == [5]


def told(window: Window, size: int) -> list[tuple[str, object, int]]:
    return [(fix.setting, fix.value, fix.output) for fix in fixes(window, size)]
