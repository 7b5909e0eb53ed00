"""Functions without a rule: run on meta tensors, with their multiply-adds counted.

The counting is torch's own (torch.utils.flop_counter), two operations to a multiply-add.
"""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.overrides import resolve_name
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from striate.errors import UsageError
from striate.tracing.arguments import names
from striate.tracing.user_line import user_line

# Functions whose result, or its shape, depends on the values of a tensor.
VALUES = names(
    "__bool__ __int__ __float__ __index__ __complex__ __contains__ __array__ item tolist numpy "
    "is_nonzero nonzero argwhere unique unique_consecutive masked_select equal allclose bincount"
)
_KNOWN_SPACES = ("aten", "prims", "prim")


class Site(Protocol):
    """The current position of a trace, for errors and warnings that name the module."""

    def fail(self, text: str) -> UsageError:
        """Return the error with this text, which names the module."""

    def warn(self, text: str) -> None:
        """Keep a warning."""

    def where(self) -> str:
        """Return the path of the module."""


class MetaResult(NamedTuple):
    """What a function returned on meta tensors, and its multiply-adds; None where not all can be counted."""

    out: Any
    macs: int | None


class _Products(TorchDispatchMode):
    """Counts the FLOPs of every operator that a function calls, and collects the operators it cannot count."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.opaque: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func.overloadpacket)
        if count is not None:
            self.flops += count(*args, **(kwargs or {}), out_val=out)
        elif func.overloadpacket in (torch.ops.aten.mv, torch.ops.aten.dot):
            self.flops += 2 * args[0].numel()
        elif func.namespace not in _KNOWN_SPACES:
            self.opaque.add(str(func))
        return out


def name_of(func: Any) -> str:
    """Return the short name of a torch function: `add` for Tensor.add_, `T` for the getter of Tensor.T."""
    name = resolve_name(func) or getattr(func, "__name__", str(func))
    short: str = name.removesuffix(".__get__").rsplit(".", 1)[-1]
    return short if short.startswith("__") else short.rstrip("_")


def run(place: Site, func: Any, call: tuple[tuple[Any, ...], dict[str, Any]]) -> MetaResult:
    """Run `func` on meta tensors. Raises UsageError where torch cannot tell the shape of its result."""
    args, kwargs = call
    products = _Products()
    try:
        with products:
            out = func(*args, **kwargs)
    except NotImplementedError as error:
        raise place.fail(
            f"{name_of(func)} cannot be traced, since torch does not know the shape of its result. "
            f"{user_line()}An operator of your own needs torch.library.register_fake."
        ) from error
    except (RuntimeError, ValueError, IndexError) as error:
        raise place.fail(f"{name_of(func)}: {str(error).splitlines()[0]}. {user_line()}".rstrip()) from error
    for name in sorted(products.opaque):
        place.warn(f"The multiply-adds of {name} in {place.where()} are not known and not in the total.")
    return MetaResult(out, None if products.opaque else products.flops // 2)


def shares(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors share their memory."""
    if one is other:
        return True
    both_meta = one.is_meta and other.is_meta
    return both_meta and bool(torch._C._is_alias_of(one, other))  # type: ignore[attr-defined]
