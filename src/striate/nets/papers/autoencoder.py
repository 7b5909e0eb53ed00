"""Hinton, Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science, 2006.

https://www.cs.toronto.edu/~hinton/absps/science.pdf, figure 1.

A stack of restricted Boltzmann machines, unrolled into an encoder and its mirror, codes a picture in 30 numbers.

Departures: fine-tuning is plain gradient descent on the cross-entropy of the pixels, not conjugate gradients.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy_with_logits

from striate.nets.papers.dbn import PRETRAINING, RETINA, descend
from striate.nets.papers.rbm import contrastive_divergence, hidden_mean, linears, start

HIDDEN = (1000, 500, 250, 30)
# Linear units diverge at the learning rate that suits logistic ones (the paper used 0.001 against 0.1).
CODE_RATE = 0.01


class DeepAutoencoder(nn.Module):
    """784-1000-500-250-30 and back: 2,837,314 parameters.

    Takes (B, in_channels, H, W) with pixels in 0..1 and returns (B, in_channels * 784) logits of the pixels.
    """

    def __init__(self, *, in_channels: int = 1) -> None:
        super().__init__()
        sizes = (in_channels * RETINA * RETINA, *HIDDEN)
        pairs = list(pairwise(sizes))
        self.encoder = nn.ModuleList(nn.Linear(m, n) for m, n in pairs)
        self.decoder = nn.ModuleList(nn.Linear(n, m) for m, n in reversed(pairs))
        self.register_buffer("unrolled", torch.tensor(False))
        for layer in (*self.encoder, *self.decoder):
            start(layer)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 30), the code."""
        x = adaptive_avg_pool2d(x, RETINA).flatten(1)
        return self.encode(x, len(self.encoder))

    def encode(self, x: Tensor, depth: int) -> Tensor:
        """(B, 784) -> the hidden units `depth` layers up; the code is linear."""
        for i, layer in enumerate(linears(self.encoder)[:depth]):
            x = hidden_mean(layer, x, gaussian=i == len(self.encoder) - 1)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C * 784), logits of the reconstructed pixels."""
        x = self.decoder[0](self.features(x))
        for layer in self.decoder[1:]:
            x = layer(torch.sigmoid(x))
        return x


class PretrainThenUnroll:
    """Contrastive divergence layer by layer; then the decoder starts as the mirror and both are fine-tuned.

    The decoder's biases serve as the visible biases while the layers learn; labels are not used.
    """

    def __init__(self, net: DeepAutoencoder) -> None:
        self.net = net

    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Train one layer, or at the end all; return the squared reconstruction error of an image."""
        net, x = self.net, adaptive_avg_pool2d(images, RETINA).flatten(1)
        turn = int(progress / PRETRAINING * len(net.encoder))
        if turn < len(net.encoder):
            return self.pretrain(x, turn, lr=lr)
        if not net.get_buffer("unrolled"):
            self.unroll()
        logits = net(images)
        loss = binary_cross_entropy_with_logits(logits, x, reduction="sum") / x.numel()
        descend(net, loss, lr=lr)
        return (torch.sigmoid(logits.detach()) - x).square().sum(1).mean()

    @torch.no_grad()
    def pretrain(self, x: Tensor, turn: int, *, lr: float) -> Tensor:
        """Take one step of contrastive divergence in layer `turn`."""
        net, up, down = self.net, linears(self.net.encoder), linears(self.net.decoder)
        code = turn == len(up) - 1
        return contrastive_divergence(
            up[turn],
            down[-1 - turn].bias,
            net.encode(x, turn),
            lr=lr * CODE_RATE if code else lr,
            gaussian=code,
        )

    @torch.no_grad()
    def unroll(self) -> None:
        """Copy the encoder's weights, mirrored, into the decoder."""
        layers = zip(linears(self.net.encoder), reversed(linears(self.net.decoder)), strict=True)
        for up, down in layers:
            down.weight.copy_(up.weight.T)
        self.net.get_buffer("unrolled").fill_(True)
