"""Hinton, Osindero, Teh, "A Fast Learning Algorithm for Deep Belief Nets", Neural Computation, 2006.

https://www.cs.toronto.edu/~hinton/absps/fastnc.pdf; unrolled and fine-tuned by back-propagation as in Hinton,
Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science, 2006.

Layers learn one after another to model the layer below, without labels; then all are fine-tuned together.

Departures: the labels join at the end, as in Science, not in the top machine. Fine-tuning is plain gradient
descent, not conjugate gradients. Another size of image is brought to 28 x 28.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy

from striate.nets.papers.rbm import contrastive_divergence, hidden_mean, linears, start

RETINA = 28
HIDDEN = (500, 500, 2000)
PRETRAINING = 0.5


class DBN(nn.Module):
    """784-500-500-2000-10 with logistic units: 1,665,010 parameters.

    Takes (B, in_channels, H, W) with pixels in 0..1. `dream0..2`, the visible biases of each machine, are
    buffers: only learning without labels needs them.
    """

    def __init__(self, num_classes: int = 10, *, in_channels: int = 1) -> None:
        super().__init__()
        sizes = (in_channels * RETINA * RETINA, *HIDDEN)
        self.layers = nn.ModuleList(nn.Linear(m, n) for m, n in pairwise(sizes))
        self.classifier = nn.Linear(sizes[-1], num_classes)
        for i, size in enumerate(sizes[:-1]):
            self.register_buffer(f"dream{i}", torch.zeros(size))
        for module in (*self.layers, self.classifier):
            start(module)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 2000)."""
        x = adaptive_avg_pool2d(x, RETINA).flatten(1)  # (B, 784)
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes)."""
        return self.classifier(self.features(x))


class PretrainThenTune:
    """Contrastive divergence, layer by layer, for the first half of the training; back-propagation after."""

    def __init__(self, net: DBN) -> None:
        self.net = net

    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Train one layer, or at the end all; return the reconstruction error, or the cross-entropy."""
        turn = int(progress / PRETRAINING * len(self.net.layers))
        if turn < len(self.net.layers):
            return self.pretrain(images, turn, lr=lr)
        return descend(self.net, cross_entropy(self.net(images), labels), lr=lr)

    @torch.no_grad()
    def pretrain(self, images: Tensor, turn: int, *, lr: float) -> Tensor:
        """Take one step of contrastive divergence in layer `turn`, on the output of those below."""
        layers = linears(self.net.layers)
        x = adaptive_avg_pool2d(images, RETINA).flatten(1)
        for layer in layers[:turn]:
            x = hidden_mean(layer, x)
        return contrastive_divergence(layers[turn], self.net.get_buffer(f"dream{turn}"), x, lr=lr)


def descend(net: nn.Module, loss: Tensor, *, lr: float) -> Tensor:
    """Take one step of plain gradient descent; return the loss."""
    parameters = [p for p in net.parameters() if p.requires_grad]
    with torch.no_grad():
        for parameter, grad in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.sub_(grad, alpha=lr)
    return loss.detach()
