"""Dropout at another rate than the network's own (Srivastava et al. 2014)."""

from torch import nn

from striate.errors import UsageError

# The rate in a recipe with which a network keeps its own.
OWN_DROPOUT = -1.0
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def set_dropout(model: nn.Module, rate: float, *, name: str) -> None:
    """Set the rate of every dropout layer of a network, unless it is OWN_DROPOUT.

    Raises UsageError, which calls the network `name`, where it has no dropout layer.
    """
    if rate == OWN_DROPOUT:
        return
    layers = [module for module in model.modules() if isinstance(module, DROPOUTS)]
    if not layers:
        raise UsageError(
            f"{name} has no dropout layer. Leave out --dropout, or write one into a spec: dropout{rate:g}"
        )
    for layer in layers:
        layer.p = rate
