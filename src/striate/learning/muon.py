"""Muon for the weights of convolutions, AdamW for all other parameters.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
https://kellerjordan.github.io/posts/muon/; the size of the step as in Liu et al. 2025, "Muon is Scalable for LLM
Training", arXiv 2502.16982, equation 4. torch.optim.Muon takes matrices only, and iterates in bfloat16, which
CPUs multiply more slowly than float32.
"""

import torch
from torch import Tensor
from torch.optim.adamw import adamw

# Coefficients and number of steps of the quintic Newton-Schulz iteration, which brings every singular value near 1
# (Jordan et al., "NEWTON_SCHULZ_COEFFS").
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# A step of root mean square 0.2, which is AdamW's (Liu et al., section 2.2): one learning rate serves both.
STEP_SIZE = 0.2
# The betas of AdamW, and the epsilons that keep AdamW and Muon from dividing by zero.
BETAS = (0.9, 0.999)
ADAM_EPS, NORM_EPS = 1e-8, 1e-7

Group = dict[str, object]


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum for weights of more than two axes, AdamW for others; weight decay is decoupled."""

    def __init__(self, groups: list[Group], *, lr: float, momentum: float) -> None:
        # torch reads "fused" when it loads a state: AdamW's step counts go to the device of its fused kernel.
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "fused": True})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # the training loop computes the loss
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            for p in weights:
                if is_filter(p):
                    self._turn(p, lr=group["lr"], momentum=group["momentum"], decay=group["weight_decay"])
            rest = [p for p in weights if not is_filter(p)]
            if rest:
                self._adamw(rest, lr=group["lr"], decay=group["weight_decay"])

    def _turn(self, p: Tensor, *, lr: float, momentum: float, decay: float) -> None:
        """Update a convolution along its Nesterov momentum, orthogonalised as a matrix of one row per filter."""
        assert p.grad is not None
        state = self.state[p]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(p)
        velocity = state["momentum_buffer"]
        velocity.lerp_(p.grad, 1 - momentum)
        matrix = p.grad.lerp(velocity, momentum).flatten(1)
        size = STEP_SIZE * max(matrix.shape) ** 0.5
        p.mul_(1 - lr * decay).add_(orthogonal(matrix).view(p.shape), alpha=-lr * size)

    def _adamw(self, weights: list[Tensor], *, lr: float, decay: float) -> None:
        for p in weights:
            if not self.state[p]:
                self.state[p] = {
                    "step": torch.zeros((), dtype=torch.float32, device=p.device),
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
        states = [self.state[p] for p in weights]
        adamw(
            weights,
            [p.grad for p in weights if p.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=lr,
            weight_decay=decay,
            eps=ADAM_EPS,
            maximize=False,
        )


def is_filter(weight: Tensor) -> bool:
    """Say whether a parameter has more than two axes, as the weight (filters, channels, ...) of a convolution has."""
    return weight.ndim > 2


def orthogonal(matrix: Tensor) -> Tensor:
    """Return a matrix (M, N) with its singular values moved to about 0.7 to 1.2, by matrix products alone."""
    a, b, c = QUINTIC
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / wide.norm().clamp(min=NORM_EPS)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if matrix.shape[0] <= matrix.shape[1] else x.T.contiguous()
