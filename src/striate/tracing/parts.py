"""The submodules, parameters and buffers of a module, collected once, since the walk costs much of a trace's time."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Parts:
    """A module with its modules by path, and its parameters and buffers by name; shared ones once, by first name."""

    net: nn.Module
    modules: dict[str, nn.Module]
    parameters: dict[str, nn.Parameter]
    buffers: dict[str, Tensor]


def taken_apart(net: nn.Module) -> Parts:
    """Return the parts of a module, in the order of named_modules and named_parameters."""
    modules = dict(net.named_modules())
    parameters: dict[int, tuple[str, nn.Parameter]] = {}
    buffers: dict[int, tuple[str, Tensor]] = {}
    for path, module in modules.items():
        before = f"{path}." if path else ""
        for name, parameter in module._parameters.items():
            if parameter is not None:
                parameters.setdefault(id(parameter), (before + name, parameter))
        for name, buffer in module._buffers.items():
            if buffer is not None:
                buffers.setdefault(id(buffer), (before + name, buffer))
    return Parts(net, modules, dict(parameters.values()), dict(buffers.values()))
