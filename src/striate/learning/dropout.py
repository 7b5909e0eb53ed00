"""Dropout at another rate than the network's own (Srivastava et al. 2014)."""

from torch import nn

from striate.errors import UsageError

# What a recipe says where a network keeps the rate it was made with.
OWN_DROPOUT = -1.0
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def set_dropout(model: nn.Module, rate: float, *, name: str) -> None:
    """Give every dropout layer of a network, which is called `name`, a rate; raises UsageError where it has none."""
    if rate == OWN_DROPOUT:
        return
    layers = [module for module in model.modules() if isinstance(module, DROPOUTS)]
    if not layers:
        raise UsageError(
            f"{name} has no dropout layer. Leave out --dropout, or write one into a spec: dropout{rate:g}"
        )
    for layer in layers:
        layer.p = rate
