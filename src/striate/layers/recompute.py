"""Gradient checkpointing: a block's activations are dropped after the forward pass, recomputed in the backward."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute(block: nn.Module, x: Tensor) -> Tensor:
    """Return `block(x)`, keeping only `x` for the backward pass.

    Output, gradients, dropout masks and the running statistics of batch norms are those of `block(x)`: the
    recomputation does not update them. Without gradients it is a plain call.
    """
    if not torch.is_grad_enabled():
        return block(x)
    return checkpoint(block, x, use_reentrant=False, context_fn=contexts(block))


def contexts(
    block: nn.Module,
) -> Callable[[], tuple[AbstractContextManager[None], AbstractContextManager[None]]]:
    """Return the `context_fn` of checkpoint: the contexts of the forward pass and of the recomputation."""
    return lambda: (nullcontext(), frozen_statistics(block))


@contextmanager
def frozen_statistics(block: nn.Module) -> Iterator[None]:
    """Let batch norms normalise by the batch without updating their running statistics."""
    norms = [m for m in block.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # weight of the new batch: the running statistics stay as they are, bit for bit
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, (momentum, batches) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = batches
