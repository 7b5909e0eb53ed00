"""Widrow, Hoff, "Adaptive switching circuits", 1960; Widrow, Lehr, "30 years of adaptive neural networks", 1990.

https://doi.org/10.1109/5.58323. Madaline Rule I: Ridgway, 1962; Rule II: Winter, Widrow, 1988.

An adaptive linear element learns from the error of its sum, before the threshold: least mean squares.

Departures: the first Adaline had 16 switches and one output; here inputs are an image's pixels, averaged down to
`retina` x `retina`, and there is an element a class. Majority stands for the fixed logic of a Madaline.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, one_hot


class Adaline(nn.Module):
    """One adaptive linear element a class: 16 weights and a bias each on the 4x4 switches of 1960.

    Takes (B, in_channels, H, W); another size is averaged down, or copied up, to `retina` x `retina`.
    """

    def __init__(self, num_classes: int = 1, *, in_channels: int = 1, retina: int = 4) -> None:
        super().__init__()
        self.retina = retina
        self.element = nn.Linear(in_channels * retina * retina, num_classes)
        nn.init.zeros_(self.element.weight)
        nn.init.zeros_(self.element.bias)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C * retina * retina)."""
        return adaptive_avg_pool2d(x, self.retina).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes), the sums before their thresholds."""
        return self.element(self.features(x))


class LeastMeanSquares:
    """The Widrow-Hoff rule: w <- w + 2 lr e x, e being what the sum lacks to its target of +1 or -1."""

    def __init__(self, net: Adaline) -> None:
        self.net = net

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Take one step on the batch's mean; return the mean squared error."""
        x = self.net.features(images)
        error = signs(labels, self.net.element.out_features, x.dtype) - self.net.element(x)
        self.net.element.weight.add_(error.T @ x, alpha=2 * lr / len(x))
        self.net.element.bias.add_(error.mean(0), alpha=2 * lr)
        return error.square().mean()


class Madaline(nn.Module):
    """Adalines in parallel whose signs a fixed majority element joins, a group of `elements` for each class.

    Takes (B, in_channels, H, W); another size is averaged down, or copied up, to `retina` x `retina`.
    `logic="or"` joins by OR instead: the class is on when any of its Adalines is.
    """

    def __init__(
        self,
        num_classes: int = 1,
        *,
        in_channels: int = 1,
        retina: int = 4,
        elements: int = 5,
        logic: str = "majority",
    ) -> None:
        super().__init__()
        self.retina, self.elements, self.logic = retina, elements, logic
        self.first = nn.Linear(in_channels * retina * retina, num_classes * elements)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes, elements), the Adalines' sums before their thresholds."""
        x = adaptive_avg_pool2d(x, self.retina).flatten(1)
        return self.first(x).unflatten(1, (-1, self.elements))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes), positive where the logic says yes."""
        return self.join(self.features(x))
