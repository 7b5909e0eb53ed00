"""A residual connection: the output of some layers, added to their input."""

from torch import Tensor, nn


class Residual(nn.Module):
    """Layers whose output is added to their input, or to `shortcut` of it where shapes differ.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015, figure 2, equation 2,
    https://arxiv.org/abs/1512.03385. No activation follows the sum: that is a layer of its own.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return body(x) + shortcut(x)."""
        y: Tensor = self.body(x) + self.shortcut(x)
        return y
