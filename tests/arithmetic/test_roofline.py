import pytest

from striate.arithmetic.cost import Cost, convolution, elementwise, linear
from striate.arithmetic.roofline import Machine, least_seconds, roofline
from striate.errors import UsageError

MACHINE = Machine(flops=100e9, bandwidth=20e9)


def test_a_3x3_convolution_is_bound_by_arithmetic() -> None:
    cost = convolution((64, 56, 56), (64, 56, 56), (3, 3), bias=False)
    roof = roofline(cost, MACHINE)
    assert roof.bound == "compute"
    assert roof.seconds == roof.compute_seconds == pytest.approx(2 * 64 * 64 * 9 * 56 * 56 / 100e9)
    assert roof.intensity == pytest.approx(cost.flops / (4 * (2 * 64 * 56 * 56 + 36_864)))
    assert roof.intensity > MACHINE.ridge == 5


def test_a_relu_and_a_single_picture_through_a_linear_layer_are_bound_by_memory() -> None:
    assert roofline(elementwise((64, 56, 56)), MACHINE).bound == "memory"
    one = linear((4096,), 4096, bias=False)
    assert roofline(one, MACHINE).bound == "memory"
    assert roofline(one, MACHINE).seconds == pytest.approx(4 * (4096 * 4096 + 8192) / 20e9)
    assert roofline(one.batch(64), MACHINE).bound == "compute"


def test_narrower_elements_move_less() -> None:
    cost = elementwise((64, 56, 56))
    assert roofline(cost, MACHINE, element=2).seconds == roofline(cost, MACHINE).seconds / 2


def test_operations_in_turn_take_the_sum_of_their_own_bounds() -> None:
    costs = [convolution((64, 56, 56), (64, 56, 56), (3, 3)), elementwise((64, 56, 56))]
    each = [roofline(cost, MACHINE).seconds for cost in costs]
    assert least_seconds(costs, MACHINE) == pytest.approx(sum(each))
    assert least_seconds(costs, MACHINE) > roofline(sum(costs, Cost()), MACHINE).seconds


def test_an_operation_that_does_nothing_takes_no_time() -> None:
    assert roofline(Cost(), MACHINE).seconds == 0


def test_a_machine_without_speed_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        Machine(flops=0, bandwidth=1e9)
    assert str(error.value) == "A machine has more than 0 FLOP/s and bytes/s; got 0 and 1000000000.0."
