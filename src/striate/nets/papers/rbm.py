"""Hinton, "Training products of experts by minimizing contrastive divergence", Neural Computation, 2002.

https://www.cs.toronto.edu/~hinton/absps/tr00-004.pdf; the practice is that of Hinton's guide, UTML TR
2010-003.

A restricted Boltzmann machine: two layers, weights only between them, trained to prefer data over its own
samples.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, softplus

WEIGHT_DECAY = 2e-4


def contrastive_divergence(
    layer: nn.Linear, visible_bias: Tensor, data: Tensor, *, lr: float, gaussian: bool = False
) -> Tensor:
    """Take one CD-1 step on `data` (B, V) in 0..1; return the squared reconstruction error of an image.

    `layer` maps visible to hidden units; `gaussian` makes the hidden ones linear with unit noise. Hidden
    states are sampled, reconstructions are probabilities.
    """
    hidden = hidden_mean(layer, data, gaussian=gaussian)
    sample = hidden + torch.randn_like(hidden) if gaussian else torch.bernoulli(hidden)
    dream = torch.sigmoid(linear(sample, layer.weight.T, visible_bias))
    dreamt = hidden_mean(layer, dream, gaussian=gaussian)
    layer.weight.mul_(1 - lr * WEIGHT_DECAY)
    layer.weight.add_(hidden.T @ data - dreamt.T @ dream, alpha=lr / len(data))
    layer.bias.add_((hidden - dreamt).mean(0), alpha=lr)
    visible_bias.add_((data - dream).mean(0), alpha=lr)
    return (data - dream).square().sum(1).mean()


def hidden_mean(layer: nn.Linear, visible: Tensor, *, gaussian: bool = False) -> Tensor:
    """(B, V) -> (B, H), the expected value of each hidden unit."""
    return layer(visible) if gaussian else torch.sigmoid(layer(visible))


def free_energy(layer: nn.Linear, visible_bias: Tensor, visible: Tensor) -> Tensor:
    """(B, V) -> (B,): minus the log of the unnormalised probability of each row, binary hidden units."""
    return -visible @ visible_bias - softplus(layer(visible)).sum(1)


def start(layer: nn.Linear) -> None:
    """Draw weights from N(0, 0.01) and zero the biases."""
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)


def linears(stack: nn.ModuleList) -> list[nn.Linear]:
    """Return the linear layers of a stack."""
    return [layer for layer in stack if isinstance(layer, nn.Linear)]
