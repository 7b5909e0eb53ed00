"""Recomputation: a block's inner maps are dropped after the forward pass and made again in the backward."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute(block: nn.Module, x: Tensor) -> Tensor:
    """Return `block(x)`, keeping only `x` for the backward pass.

    Output, gradients, dropout masks and the running statistics of batch norms are those of `block(x)`: a norm
    sees each batch once, not twice. Without gradients it is a plain call.
    """
    if not torch.is_grad_enabled():
        return block(x)
    return checkpoint(block, x, use_reentrant=False, context_fn=contexts(block))


def contexts(
    block: nn.Module,
) -> Callable[[], tuple[AbstractContextManager[None], AbstractContextManager[None]]]:
    """Return what checkpoint asks for: the contexts of the first pass and of the second."""
    return lambda: (nullcontext(), frozen_statistics(block))


@contextmanager
def frozen_statistics(block: nn.Module) -> Iterator[None]:
    """Let batch norms normalise by the batch without moving their running statistics."""
    norms = [m for m in block.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # weight of the new batch, so the averages stay as they are, bit for bit
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, (momentum, batches) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = batches
