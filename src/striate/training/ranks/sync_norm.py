"""Batch norms over the pictures of all ranks, so that the batch a norm sees is the run's and not the rank's."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from striate.training.ranks.ranks import Ranks

# What is replaced. Their computation is the same; they differ in the shapes they admit.
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class SyncNorm(nn.modules.batchnorm._BatchNorm):
    """A batch norm whose mean and variance are those of all ranks' pictures, on any device; alone, or in use, as usual.

    torch has the same in SyncBatchNorm for graphics processors only.
    """

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm, ranks: Ranks) -> None:
        """Take the place of a norm, with its own parameters and buffers."""
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.training = norm.training
        self._ranks = ranks

    def _check_input_dim(self, input: Tensor) -> None:
        """Take what comes: the norm whose place this is has taken it."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, ...) normalised."""
        if not self.training:
            return super().forward(x)
        axes, shape = [0, *range(2, x.ndim)], (1, -1, *[1] * (x.ndim - 2))
        add: Callable[[Tensor, Ranks], Tensor] = _Sum.apply
        count = torch.full((1,), x.numel() / x.shape[1], dtype=x.dtype, device=x.device)
        total = add(torch.cat([x.sum(axes), count]), self._ranks)
        number = total[-1].detach()
        mean = total[:-1] / number
        centred = x - mean.view(shape)
        # From the centred values: a difference of two large sums would lose the digits.
        variance = add(centred.square().sum(axes), self._ranks) / number
        self._keep(mean.detach(), (variance * number / (number - 1)).detach())
        scale = (variance + self.eps).rsqrt()
        scale = scale if self.weight is None else scale * self.weight
        y = centred * scale.view(shape)
        return y if self.bias is None else y + self.bias.view(shape)

    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running mean and variance towards those of a batch."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / int(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def synchronise(model: nn.Module, ranks: Ranks) -> None:
    """Put norms over all ranks in the places of a network's batch norms; names, weights and buffers stay."""
    if ranks.size == 1:
        return
    made: dict[nn.Module, SyncNorm] = {}
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if isinstance(module, NORMS):
            above, _, last = name.rpartition(".")
            setattr(model.get_submodule(above), last, made.setdefault(module, SyncNorm(module, ranks)))


class _Sum(torch.autograd.Function):
    """The sum over all ranks; since each rank's part goes into the sum of each, so do the gradients."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        total = part.clone()
        ranks.add([total])
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        total = gradient.clone()
        ctx.ranks.add([total])
        return total, None
