"""The errors' words and exit codes."""

from striate.errors import UsageError, unknown


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    assert (
        str(unknown("network", "vgg61", ["vgg16", "lenet5"]))
        == "Unknown network 'vgg61'. Did you mean 'vgg16'?"
    )


def test_of_names_equally_near_the_first_is_offered() -> None:
    names = ["resnet56", "resnet50", "resnet101"]
    assert str(unknown("network", "resnet5O", names)) == (
        "Unknown network 'resnet5O'. Did you mean 'resnet50'?"
    )


def test_with_nothing_near_all_names_are_given() -> None:
    error = unknown("verb", "xyz", ["train", "eval"])
    assert str(error) == "Unknown verb 'xyz'. Known: eval, train."
    assert isinstance(error, UsageError)
    assert error.exit_code == 1
