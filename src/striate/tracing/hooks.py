"""Entering a module for a trace, and leaving it exactly as it was.

While a trace runs, each module carries two hooks that say when it is entered and left. Afterwards every
module's attributes, its parameters and buffers by name, its hooks and its training flag are what they were.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from striate.errors import UsageError
from striate.tracing.parts import Parts
from striate.tracing.record import Call
from striate.tracing.tracer import Tracer

_HOOK = -1  # torch numbers hooks from 0


@contextmanager
def visiting(parts: Parts, tracer: Tracer, *, training: bool) -> Iterator[None]:
    """Prepare every module of `parts` for a trace in the given mode; put all back at the end."""
    modules = parts.modules
    for path, inner in modules.items():
        if isinstance(inner, torch.jit.ScriptModule):
            raise UsageError(
                f"{path or type(inner).__name__} is TorchScript, which runs outside Python and cannot be "
                f"traced. Give the module it was scripted from."
            )
    kept = [_Kept(inner) for inner in modules.values()]
    try:
        tracer.registered = {id(p) for p in parts.parameters.values()}
        for path, inner in modules.items():
            _prepare(inner, path, tracer, training)
        yield
    finally:
        for state in kept:
            state.restore()


def _prepare(module: nn.Module, path: str, tracer: Tracer, training: bool) -> None:
    state = module.__dict__
    leaf = not module._modules

    def enter(entered: nn.Module, args: Any) -> None:
        parent = tracer.stack[-1] if tracer.stack else None
        tracer.calls += 1
        tracer.stack.append(Call(path, entered, leaf, tracer.calls, parent))

    def leave(left: nn.Module, args: Any, output: Any) -> None:
        # A module whose forward failed and was caught by its caller never left: leave it now.
        while tracer.stack.pop().module is not left:
            pass

    state["training"] = training
    state["_forward_pre_hooks"] = OrderedDict([(_HOOK, enter), *module._forward_pre_hooks.items()])
    state["_forward_hooks"] = OrderedDict([*module._forward_hooks.items(), (_HOOK, leave)])


class _Kept:
    """A snapshot of a module's attributes and of the contents of its lists, dicts and sets."""

    __slots__ = ("contents", "empty", "module", "state")

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.state = module.__dict__.copy()
        self.contents: list[tuple[Any, Any]] = []
        # A module has some fifteen empty containers: to remember that they were empty costs no copy.
        self.empty: list[Any] = []
        for value in self.state.values():
            if isinstance(value, dict | list | set):
                if value:
                    self.contents.append((value, value.copy()))
                else:
                    self.empty.append(value)

    def restore(self) -> None:
        self.module.__dict__.clear()
        self.module.__dict__.update(self.state)
        for value, before in self.contents:
            if isinstance(value, list):
                value[:] = before
            else:
                value.clear()
                value.update(before)
        for value in self.empty:
            if value:
                value.clear()
