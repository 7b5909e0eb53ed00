"""Rosenblatt, "The perceptron: a probabilistic model", 1958; "Principles of neurodynamics", 1962 (Mark I).

https://doi.org/10.1037/h0042519.

Photocells are wired at random to threshold units, and only the weights behind those learn, from mistakes.

Departures: the machine's plug-board was wired anew for each experiment; here each of the 400 S-units drives 40
A-units drawn at random, excites or inhibits with equal chance, and the A-unit's threshold is 0. Every A-unit
reaches every R-unit. One R-unit a class, where the machine's 8 R-units could also spell a code. Images of
another size are averaged down or copied up to 20 x 20, and their channels averaged.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, linear, one_hot

RETINA = 20
A_UNITS = 512
FAN_OUT = 40


class Perceptron(nn.Module):
    """The Mark I: 400 sensory units, 512 association units with fixed wiring, a response unit a class.

    Takes (B, in_channels, H, W) of any size. Trainable are 512 x num_classes weights and num_classes thresholds.
    `wiring` (512, 400) is a buffer of -1, 0, 1: saved with the weights, never trained. With `retina=None`
    the association layer is left out and R-units see the pixels, as in the convergence theorem's perceptron.
    """

    wiring: Tensor

    def __init__(self, num_classes: int = 8, *, in_channels: int = 1) -> None:
        super().__init__()
        self.register_buffer("wiring", plug_board())
        self.response = nn.Linear(A_UNITS, num_classes)
        nn.init.zeros_(self.response.weight)
        nn.init.zeros_(self.response.bias)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 512) of 0 and 1: which A-units fire."""
        x = x.mean(1, keepdim=True)
        x = adaptive_avg_pool2d(x, RETINA).flatten(1)  # (B, 400)  S
        return (linear(x, self.wiring) > 0).to(x.dtype)  # (B, 512)  A

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes), each response before its threshold at 0."""
        return self.response(self.features(x))  # (B, num_classes)  R


class ErrorCorrection:
    """Rosenblatt's rule: a response unit that answers wrongly adds or subtracts what it saw, else it stays."""

    def __init__(self, net: Perceptron) -> None:
        self.net = net

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Correct image by image, as the machine did; return the share of wrong answers in the batch."""
        seen = self.net.features(images)
        return correct(self.net.response, seen, labels, lr=lr)


def correct(response: nn.Linear, seen: Tensor, labels: Tensor, *, lr: float) -> Tensor:
    """Apply w <- w + lr (t - y) x for each row of `seen` in turn; return the share of wrong rows."""
    targets = one_hot(labels, response.out_features).to(seen.dtype)
    wrong = (response(seen).argmax(1) != labels).to(seen.dtype).mean()
    for x, target in zip(seen, targets, strict=True):
        error = target - (response(x) > 0).to(x.dtype)  # (num_classes,)
        response.weight.addr_(error, x, alpha=lr)
        response.bias.add_(error, alpha=lr)
    return wrong


def plug_board() -> Tensor:
    """Return (512, 400): column s has 40 random rows at +1 or -1, the A-units that S-unit s drives."""
    wiring = torch.zeros(A_UNITS, RETINA * RETINA)
    for s in range(RETINA * RETINA):
        rows = torch.randperm(A_UNITS)[:FAN_OUT]
        wiring[rows, s] = torch.randint(0, 2, (FAN_OUT,)) * 2.0 - 1.0
    return wiring
