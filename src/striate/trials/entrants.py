"""The optimizers of a race, as the user names them."""

from collections.abc import Mapping, Sequence

from striate.errors import UsageError, unknown
from striate.learning.optim import OPTIMIZERS

# The optimizers of the lecture, in its order.
SEVEN = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam")


def entrants(optimizers: Sequence[str]) -> Mapping[str, tuple[str, float | None]]:
    """Return name -> optimizer and learning rate, from what was written as 'adam' (no rate) or 'adam:0.001'.

    Raises UsageError for an unknown optimizer, a bad rate, a name given twice, or none at all.
    """
    written = [word.partition(":") for word in optimizers]
    named: dict[str, tuple[str, float | None]] = {}
    for optimizer, colon, text in written:
        if optimizer not in OPTIMIZERS:
            raise unknown("optimizer", optimizer, OPTIMIZERS)
        rate = _rate(f"{optimizer}:{text}", text) if colon else None
        name = f"{optimizer} {text}" if colon and [w[0] for w in written].count(optimizer) > 1 else optimizer
        if name in named:
            raise UsageError(f"{name} is named twice. Give each of the two its own rate, as in {name}:0.001.")
        named[name] = optimizer, rate
    if not named:
        raise UsageError("a race needs at least one optimizer.")
    return named


def _rate(written: str, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise UsageError(f"{written}: a rate is a number over 0, as in adam:0.001.")
    return rate
