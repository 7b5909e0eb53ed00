"""The ranks at work on one network: what they computed of a step becomes one step, the same in all of them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from striate.training.ranks import Ranks


class Team:
    """The gradients, running statistics, loss and score of a step, over all ranks.

    A rank's loss is the mean over its own pictures. Each counts by how many these are, so that the sum is the mean
    over the whole batch, however it is divided. `asked` says whether this process is asked to stop.
    """

    def __init__(self, model: nn.Module, ranks: Ranks, asked: Callable[[], bool]) -> None:
        self._model = model
        self._ranks = ranks
        self._asked = asked
        # Each rank's norms have seen its own pictures; their mean has seen all.
        norms = (module for module in model.modules() if isinstance(module, _NormBase))
        kept = (tensor for norm in norms for tensor in (norm.running_mean, norm.running_var))
        self._statistics = [tensor for tensor in kept if tensor is not None]
        self.count = 0
        self.stops = False

    def weight(self, count: int) -> float:
        """Return what the mean loss over `count` pictures is multiplied by before its backward pass."""
        return 1.0 if self._ranks.size == 1 else float(count)

    def agree(self, count: int) -> None:
        """Learn how many pictures, given those of this rank, the step has in all, and whether any rank is to stop."""
        votes = torch.tensor([count, self._asked()], dtype=torch.float64)
        self._ranks.add([votes])
        self.count, self.stops = int(votes[0]), bool(votes[1])

    def mean(self, loss: Tensor, right: float, count: int) -> tuple[Tensor, float]:
        """Make the gradients, and return the loss, the mean over all pictures of the step; the scores are added up.

        `loss` is the weighed loss of this rank.
        """
        if self._ranks.size == 1:
            return loss, right
        parameters = self._model.parameters()
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        sums = torch.stack([loss.detach().float(), loss.new_tensor(right)])
        for tensor in self._statistics:
            tensor.mul_(count)
        self._ranks.add([*gradients, *self._statistics, sums])
        for tensor in (*gradients, *self._statistics, sums[:1]):
            tensor.div_(self.count)
        return sums[0], float(sums[1])
