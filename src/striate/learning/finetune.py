"""Fine-tuning: the new head is trained first, then all layers, with a lower learning rate below the head.

The head comes first because the large gradients of an untrained head would distort the pretrained features below it
(Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform out-of-distribution",
https://arxiv.org/abs/2202.10054). Learning rates are lower below it after Howard, Ruder 2018 (ULMFiT, section 3.2,
https://arxiv.org/abs/1801.06146), who have one for each layer; here there are two in all.
"""

from collections.abc import Collection, Mapping

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

# Setting -> the share of the run in which the layers below the head are frozen; None: see `freeze_share`.
FREEZES: Mapping[str, float | None] = {"none": 0.0, "body": 1.0, "auto": None}
# The share that 'auto' means for a new head, and the learning rate below the head as a share of the head's.
HEAD_FIRST = 0.2
BODY_LR = 0.1


class FineTuning:
    """Which parameters are trained at a point of the run, and at what learning rate: a function of progress alone.

    `head` names the parameters of the head. The others, the body, are frozen for the share `frozen` of the run, and
    then trained at `body_lr` times the learning rate. Parameters already frozen when this is made stay frozen.
    """

    def __init__(self, model: nn.Module, *, head: Collection[str], frozen: float, body_lr: float) -> None:
        learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._body = [p for name, p in learning.items() if name not in head]
        self._norms = [module for module in model.modules() if isinstance(module, _NormBase)]
        self._frozen = frozen
        self._body_lr = body_lr

    def set(self, progress: float) -> None:
        """Freeze or unfreeze the body as due at `progress` from 0 to 1, and put batch norms in eval mode.

        They keep the mean and variance they came with even while all layers are trained: the statistics of small
        batches would spoil the pretrained features (docs/log.md has the measurement). Nothing is changed where the body
        is never frozen and has the learning rate of the head.
        """
        if not self._frozen and self._body_lr == 1:
            return
        for parameter in self._body:
            parameter.requires_grad_(progress >= self._frozen)
        for norm in self._norms:
            norm.eval()

    def thaw(self) -> None:
        """Unfreeze the body, so that an optimizer can be made of all parameters that are ever trained."""
        for parameter in self._body:
            parameter.requires_grad_()

    def stage(self, progress: float) -> float:
        """Return the progress from 0 to 1 within the stage, head alone or all layers: each has its own schedule."""
        if progress < self._frozen:
            return progress / self._frozen
        return (progress - self._frozen) / (1 - self._frozen) if self._frozen < 1 else progress

    def lower_rates(self, optimizer: torch.optim.Optimizer) -> None:
        """Give the body parameter groups of its own in an optimizer, whose `share` multiplies the learning rate."""
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
