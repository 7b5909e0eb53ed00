"""Widrow, Lehr, "30 Years of Adaptive Neural Networks", 1990.

https://doi.org/10.1109/5.58323. Rule I: Ridgway, 1962. Rule II: Winter, Widrow, 1988.

Many Adalines: an answer that is wrong is set right where that disturbs least, at the sums nearest zero.

Departures: one group of Adalines, or one output, a class. Images are brought to retina x retina. Rule II
here tries one Adaline at a time, not pairs.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from striate.nets.papers.adaline import signs

Logic = Literal["majority", "or"]


class Madaline(nn.Module):
    """Madaline I: Adalines in groups of `elements`, a group a class, joined by fixed logic.

    Takes (B, in_channels, H, W). The answer is the median of a group's sums for majority (`elements` odd)
    and the largest for "or": it is positive exactly where the logic of the signs says yes.
    """

    def __init__(
        self,
        num_classes: int = 1,
        *,
        in_channels: int = 1,
        retina: int = 4,
        elements: int = 5,
        logic: Logic = "majority",
    ) -> None:
        super().__init__()
        self.retina, self.elements, self.logic = retina, elements, logic
        self.first = nn.Linear(in_channels * retina * retina, num_classes * elements)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes, elements), the Adalines' sums."""
        x = adaptive_avg_pool2d(x, self.retina).flatten(1)
        return self.first(x).unflatten(1, (-1, self.elements))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes)."""
        sums = self.features(x)
        return sums.amax(2) if self.logic == "or" else sums.median(2).values


class RuleOne:
    """Madaline Rule I: where a group answers wrongly, turn as few Adalines as will do, those nearest zero."""

    def __init__(self, net: Madaline) -> None:
        self.net = net

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Adapt image by image; return the share of wrong answers of the batch."""
        net = self.net
        answers = net(images)
        targets = signs(labels, answers.shape[1])
        wrong = (answers.sign() != targets).float().mean()
        for image, target in zip(images, targets, strict=True):
            sums = net.features(image[None])[0]  # (num_classes, elements)
            turn = self.to_turn(sums, target)
            x = adaptive_avg_pool2d(image[None], net.retina).flatten()
            adapt(net.first, x, (turn * (target[:, None] - sums)).flatten(), lr=lr)
        return wrong

    def to_turn(self, sums: Tensor, target: Tensor) -> Tensor:
        """(num_classes, elements) of 1 for the Adalines to turn towards their group's target, else 0."""
        against = sums.sign() != target[:, None]
        if self.net.logic == "or":
            must = torch.where(target > 0, 1 - (~against).sum(1), against.sum(1))
        else:
            must = (self.net.elements + 1) // 2 - (~against).sum(1)
        nearest = sums.abs().masked_fill(~against, torch.inf).argsort(1).argsort(1)  # rank of each
        return (nearest < must[:, None]).to(sums.dtype)


class MadalineTwo(nn.Module):
    """Madaline II: a layer of Adalines with thresholds, and Adalines that learn behind it.

    Takes (B, in_channels, H, W). The hidden thresholds pass no gradient: only Rule II trains the first layer.
    """

    def __init__(
        self, num_classes: int = 1, *, in_channels: int = 1, retina: int = 4, hidden: int = 16
    ) -> None:
        super().__init__()
        self.retina = retina
        self.first = nn.Linear(in_channels * retina * retina, hidden)
        self.second = nn.Linear(hidden, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, hidden) of -1 and +1."""
        return self.first(adaptive_avg_pool2d(x, self.retina).flatten(1)).sign()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes), the sums before their thresholds."""
        return self.second(self.features(x))


class RuleTwo:
    """Madaline Rule II: turn a hidden Adaline if that makes fewer outputs wrong, those nearest zero first."""

    def __init__(self, net: MadalineTwo) -> None:
        self.net = net

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Adapt image by image; return the share of wrong outputs of the batch."""
        net = self.net
        targets = signs(labels, net.second.out_features)
        wrong = (net(images).sign() != targets).float().mean()
        for image, target in zip(images, targets, strict=True):
            x = adaptive_avg_pool2d(image[None], net.retina).flatten()
            hidden = self.try_turning(x, target, lr=lr)
            sums = net.second(hidden)
            adapt(net.second, hidden, (sums.sign() != target) * (target - sums), lr=lr)
        return wrong

    def try_turning(self, x: Tensor, target: Tensor, *, lr: float) -> Tensor:
        """Give each hidden Adaline its trial and adapt those that helped; return the hidden signs after."""
        first, second = self.net.first, self.net.second
        sums = first(x)
        hidden = sums.sign()
        errors = int((second(hidden).sign() != target).sum())
        for i in sums.abs().argsort().tolist():
            if not errors:
                break
            trial = hidden.clone()
            trial[i] = -trial[i]
            now = int((second(trial).sign() != target).sum())
            if now < errors:
                hidden, errors = trial, now
        adapt(first, x, (hidden != sums.sign()) * (hidden - sums), lr=lr)
        return hidden


def adapt(layer: nn.Linear, x: Tensor, error: Tensor, *, lr: float) -> None:
    """Apply alpha-LMS: with `lr` 1 each output moves by exactly its `error`, whatever the size of `x`."""
    error = error * (lr / (x.square().sum() + 1))
    layer.weight.addr_(error, x)
    layer.bias.add_(error)
