"""Synchronised batch norms: mean and variance are taken over the pictures of all ranks."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from striate.training.ranks.ranks import Ranks

# What is replaced. Their computation is the same; they differ in the shapes they admit.
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class SyncNorm(nn.modules.batchnorm._BatchNorm):
    """A batch norm that normalises by the mean and variance of all ranks' pictures; in eval mode an ordinary one.

    It runs on any device; torch.nn.SyncBatchNorm runs on GPUs only.
    """

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm, ranks: Ranks) -> None:
        """Take over the parameters and buffers of a batch norm, shared rather than copied."""
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.training = norm.training
        self._ranks = ranks

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept any shape: this replaces norms of 1, 2 and 3 dimensions."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, ...) normalised, of the same shape."""
        if not self.training:
            return super().forward(x)
        axes, shape = [0, *range(2, x.ndim)], (1, -1, *[1] * (x.ndim - 2))
        add: Callable[[Tensor, Ranks], Tensor] = _Sum.apply
        count = torch.full((1,), x.numel() / x.shape[1], dtype=x.dtype, device=x.device)
        total = add(torch.cat([x.sum(axes), count]), self._ranks)
        number = total[-1].detach()
        mean = total[:-1] / number
        centred = x - mean.view(shape)
        # From the centred values: E[x^2] - E[x]^2 would lose precision where the mean is large.
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
    """Replace a network's batch norms by synchronised ones, in place; names, weights and buffers stay."""
    if ranks.size == 1:
        return
    made: dict[nn.Module, SyncNorm] = {}
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if isinstance(module, NORMS):
            above, _, last = name.rpartition(".")
            setattr(model.get_submodule(above), last, made.setdefault(module, SyncNorm(module, ranks)))


class _Sum(torch.autograd.Function):
    """A differentiable sum over all ranks: each part is in every rank's sum, so its gradient is such a sum too."""

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
