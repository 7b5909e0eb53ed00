"""Widrow, Hoff, "Adaptive Switching Circuits", 1960.

https://isl.stanford.edu/~widrow/papers/c1960adaptiveswitching.pdf.

An adaptive linear element learns from the error of its sum, before the threshold: least mean squares.

Departures: one element a class, where the first machine had one. Its 4x4 switches are the image brought to
4 x 4.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, one_hot


class Adaline(nn.Module):
    """Adaptive linear elements on a 4x4 retina: 16 weights and a bias each (17), one a class.

    Takes (B, in_channels, H, W); images of another size are averaged down, or copied up, to retina x retina.
    """

    def __init__(self, num_classes: int = 1, *, in_channels: int = 1, retina: int = 4) -> None:
        super().__init__()
        self.retina = retina
        self.element = nn.Linear(in_channels * retina * retina, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C * retina * retina)."""
        return adaptive_avg_pool2d(x, self.retina).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes), the sums before their thresholds."""
        return self.element(self.features(x))


class LeastMeanSquares:
    """The Widrow-Hoff rule: w <- w + 2 lr e x, where e is the target (+1 or -1) minus the sum."""

    def __init__(self, net: Adaline) -> None:
        self.net = net

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Take one step along the mean of the batch; return its mean squared error."""
        element, x = self.net.element, self.net.features(images)
        error = signs(labels, element.out_features).to(x.dtype) - element(x)  # (B, num_classes)
        element.weight.add_(error.T @ x, alpha=2 * lr / len(x))
        element.bias.add_(error.mean(0), alpha=2 * lr)
        return error.square().mean()


def signs(labels: Tensor, num_classes: int) -> Tensor:
    """(B,) -> (B, num_classes): +1 at the label, else -1; with one class, -1 for label 0 and +1 for 1."""
    on = labels[:, None] if num_classes == 1 else one_hot(labels, num_classes)
    return on * 2 - 1
