"""Rosenblatt, "The Perceptron: A Probabilistic Model for Information Storage and Organization", 1958.

https://doi.org/10.1037/h0042519; the Mark I of 1960 at Cornell, and "Principles of neurodynamics", 1962.

Photocells are wired at random to threshold units, and only the weights behind those learn, from mistakes.

Departures: the plug-board was wired anew for each experiment; here each S-unit drives 40 A-units drawn at
random, exciting or inhibiting with equal chance, and thresholds are 0. Every A-unit reaches every R-unit.
There is an R-unit a class, where the machine's 8 could also spell a code. Images are averaged over their
channels and brought to 20 x 20.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, linear, one_hot

RETINA = 20
A_UNITS = 512
FAN_OUT = 40


class Perceptron(nn.Module):
    """The Mark I: 400 sensory units, 512 association units with fixed wiring, a response unit a class.

    Takes (B, in_channels, H, W) of any size. `wiring` (512, 400) is a buffer of -1, 0 and 1: saved with the
    weights, never trained. `associate=False` leaves the association units out, so that the response units
    see the retina itself: the perceptron of the convergence theorem and of its limits.
    """

    wiring: Tensor

    def __init__(self, num_classes: int = 8, *, in_channels: int = 1, associate: bool = True) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.associate = associate
        self.register_buffer("wiring", plug_board() if associate else torch.eye(RETINA * RETINA))
        self.response = nn.Linear(self.wiring.shape[0], num_classes, bias=False)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 512), 1 where an A-unit fires."""
        x = adaptive_avg_pool2d(x.mean(1, keepdim=True), RETINA).flatten(1)  # (B, 400)  S
        x = linear(x, self.wiring)
        return (x > 0).to(x.dtype) if self.associate else x  # (B, 512)  A

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes), what each R-unit compares with its threshold 0."""
        return self.response(self.features(x))  # (B, num_classes)  R


class ErrorCorrection:
    """Rosenblatt's rule: an R-unit that answers wrongly adds or subtracts what it saw; else nothing moves."""

    def __init__(self, net: Perceptron) -> None:
        self.net = net

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Do w <- w + lr (t - y) x image by image, as the machine did; return the share of wrong answers."""
        weight = self.net.response.weight
        seen = self.net.features(images)
        wrong = (self.net.response(seen).argmax(1) != labels).float().mean()
        for x, target in zip(seen, one_hot(labels, len(weight)).to(seen.dtype), strict=True):
            weight.addr_(target - (weight @ x > 0).to(x.dtype), x, alpha=lr)
        return wrong


def plug_board() -> Tensor:
    """Return (512, 400): in column s, 40 random rows at +1 or -1, the A-units that S-unit s drives."""
    wiring = torch.zeros(A_UNITS, RETINA * RETINA)
    rows = torch.rand(RETINA * RETINA, A_UNITS).argsort(1)[:, :FAN_OUT]  # (400, 40)
    signs = torch.randint(0, 2, rows.shape) * 2.0 - 1.0
    return wiring.scatter_(0, rows.T, signs.T)
