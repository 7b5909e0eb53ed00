"""Fine-tuning: the new head first, then everything, with a lower rate below the head.

The head comes first because the large gradients of one that knows nothing yet would spoil what the layers below it
know (Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform out-of-distribution",
https://arxiv.org/abs/2202.10054). Rates are lower below it after Howard, Ruder 2018 (ULMFiT, section 3.2,
https://arxiv.org/abs/1801.06146), who have one rate a layer where here there are two in all.
"""

from collections.abc import Collection, Mapping

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

# What a user may ask of the layers below the head -> the share of the run in which they stay as they are.
FREEZES: Mapping[str, float | None] = {"none": 0.0, "body": 1.0, "auto": None}
# What 'auto' is with given weights and a new head, and the rate below the head as a share of the head's.
HEAD_FIRST = 0.2
BODY_LR = 0.1


class FineTuning:
    """Which weights of a network learn at a moment of a run, and how fast: a function of progress, without a state.

    `head` names the parameters of the head. The others, the body, are frozen for the share `frozen` of the run, and
    then learn at the share `body_lr` of the rate. Parameters that do not learn when this is made never do.
    """

    def __init__(self, model: nn.Module, *, head: Collection[str], frozen: float, body_lr: float) -> None:
        learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._body = [p for name, p in learning.items() if name not in head]
        self._norms = [module for module in model.modules() if isinstance(module, _NormBase)]
        self._frozen = frozen
        self._body_lr = body_lr

    def set(self, progress: float) -> None:
        """Freeze the body or let it learn, as it shall be at `progress` from 0 to 1.

        Batch norms work as in use, by the mean and variance they came with, also when everything learns: those of
        small batches of few pictures lose what the weights know (docs/log.md has the measurement).
        """
        if not self._frozen and self._body_lr == 1:
            return
        for parameter in self._body:
            parameter.requires_grad_(progress >= self._frozen)
        for norm in self._norms:
            norm.eval()

    def thaw(self) -> None:
        """Let everything learn that ever does, as an optimizer is made of it."""
        for parameter in self._body:
            parameter.requires_grad_()

    def stage(self, progress: float) -> float:
        """Return how much of the stage is done, the head's or that of everything: a schedule begins anew in each."""
        if progress < self._frozen:
            return progress / self._frozen
        return (progress - self._frozen) / (1 - self._frozen) if self._frozen < 1 else progress

    def lower_rates(self, optimizer: torch.optim.Optimizer) -> None:
        """Move the body's parameters to groups of an optimizer with `share`, by which their rate is multiplied."""
        if self._body_lr == 1:
            return
        body = {id(parameter) for parameter in self._body}
        for group in [*optimizer.param_groups]:
            below = [p for p in group["params"] if id(p) in body]
            if len(below) == len(group["params"]):
                group["share"] = self._body_lr
            elif below:
                group["params"] = [p for p in group["params"] if id(p) not in body]
                optimizer.add_param_group({**group, "params": below, "share": self._body_lr})


def freeze_share(asked: str, *, new_head: bool) -> float:
    """Return the share of a run in which the body is frozen; 'auto' freezes it only for a head that is new."""
    share = FREEZES[asked]
    if share is None:
        return HEAD_FIRST if new_head else 0.0
    return share
