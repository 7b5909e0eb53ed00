"""Building a module on the meta device, and giving lazy modules their shapes."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

from striate.tracing.sight import Shape

# What torch.nn creates its parameters and buffers with. Anything else (linspace, tensor) keeps its values,
# which a constructor may read.
_FACTORIES = frozenset([torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.full])


def hollow(build: Callable[[], nn.Module]) -> nn.Module:
    """Return what `build` makes, with parameters and buffers on the meta device wherever it can be.

    A constructor that reads the values of such a tensor is run once more, with memory for all.
    """
    try:
        with _Hollow():
            return build()
    except (RuntimeError, NotImplementedError) as error:
        if "meta" not in str(error).lower():
            raise
        return build()


def materialised(module: nn.Module, shape: Shape) -> nn.Module:
    """Return the module; where it has lazy parts, a copy on the meta device that knows their shapes."""
    if not any(is_lazy(p) for p in module.parameters()):
        return module
    # Weights that exist need no second copy: the twin gets meta tensors in their place.
    memo = {id(t): _twin(t) for t in (*module.parameters(), *module.buffers())}
    twin = copy.deepcopy(module, memo).to("meta")
    twin.eval()(torch.empty(shape, device="meta"))
    return twin


def _twin(tensor: Tensor) -> Tensor:
    if is_lazy(tensor):
        made: Callable[..., Tensor] = type(tensor)
        return made(requires_grad=tensor.requires_grad, device="meta", dtype=tensor.dtype)
    shape_only = torch.empty_like(tensor, device="meta")
    return nn.Parameter(shape_only, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else shape_only


class _Hollow(TorchFunctionMode):
    """Creates tensors on the meta device, and moves others there where an operation mixes the two."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FACTORIES:
            return func(*args, **{**kwargs, "device": "meta"})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if len({t.is_meta for t in tensors}) > 1:
            args, kwargs = tree_map_only(Tensor, lambda t: t.to("meta"), (args, kwargs))
        return func(*args, **kwargs)
