"""Huang, Sun, Liu, Sedra, Weinberger, "Deep Networks with Stochastic Depth", 2016. https://arxiv.org/abs/1603.09382."""

from torch import Tensor, nn


class StochasticDepth(nn.Module):
    """In training, drop a branch for each image with probability `p`, and scale it by 1 / (1 - p) where kept."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> the same shape; in eval mode the input itself."""
        if not self.training or self.p == 0:
            return x
        kept = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1 - self.p)
        return x * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        """Show the probability in the module's repr."""
        return f"p={self.p}"
