"""One step of several ranks: what each computed of its share is summed, so that all make the same step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from striate.host.memory import NoRoomError
from striate.training.ranks.ranks import ALONE, Ranks
from striate.training.ranks.sync_norm import SyncNorm


class Team:
    """Sums gradients, running statistics, loss and score of a step over all ranks; with one rank they stay.

    The loss of a rank is what its pictures add to the mean over the whole batch, so that the sum is that mean, however
    the batch is divided. `asked` says whether this process is asked to stop.
    """

    def __init__(
        self, model: nn.Module, ranks: Ranks = ALONE, asked: Callable[[], bool] = lambda: False
    ) -> None:
        self._model = model
        self._ranks = ranks
        self._asked = asked
        self._one_asked = False
        # The norms of a rank have seen its own pictures; the mean of their statistics over ranks has seen all.
        self._norms = [module for module in model.modules() if isinstance(module, _NormBase)]
        self.in_step = ranks.size > 1 and any(isinstance(norm, SyncNorm) for norm in self._norms)
        """Whether the ranks need each other in the middle of a step, so that none can take a part of it again."""

    @property
    def size(self) -> int:
        """The number of ranks."""
        return self._ranks.size

    @property
    def stops(self) -> bool:
        """Whether any rank was asked to stop before the last step was added up."""
        return self._one_asked if self.size > 1 else self._asked()

    def asked(self) -> bool:
        """Say whether any rank is asked to stop now."""
        return self._ranks.any(self._asked())

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute this rank's gradients inside; raises NoRoomError on every rank where one runs out of memory.

        With synchronised batch norms only the rank that runs out raises it.
        """
        if self.size == 1:
            yield
            return
        try:
            yield
        except NoRoomError:
            if not self.in_step:
                self._vote(has_room=False)
            raise
        if not self._vote(has_room=True):
            raise NoRoomError("in another process")

    def add_up(self, loss: Tensor, right: float, *, share: float) -> tuple[Tensor, float | Tensor]:
        """Sum gradients, statistics, loss and score over all ranks, and return loss and score.

        `share` is this rank's share of the step's pictures, from 0 to 1.
        """
        if self.size == 1:
            return loss, right
        gradients = [p.grad for p in self._model.parameters() if p.grad is not None]
        sums = torch.stack([loss.detach().float(), loss.new_tensor(right, dtype=torch.float)])
        # Norms in eval mode have not changed, and a sum of shares would round their statistics.
        moved = (norm for norm in self._norms if norm.training)
        kept = (tensor for norm in moved for tensor in (norm.running_mean, norm.running_var))
        statistics = [tensor for tensor in kept if tensor is not None]
        for tensor in statistics:
            tensor.mul_(share)
        self._ranks.add([*gradients, *statistics, sums])
        return sums[0], sums[1]

    def _vote(self, *, has_room: bool) -> bool:
        """Say whether all ranks had enough memory for the step, and note whether any is asked to stop.

        A weight that another rank has used and this one has not, as with stochastic depth, gets a gradient of 0, so
        that all ranks sum the same tensors.
        """
        weights = list(self._model.parameters())
        votes = [not has_room, self._asked(), *(p.grad is not None for p in weights)]
        total = torch.tensor(votes, dtype=torch.float)
        self._ranks.add([total])
        without_room, stopping, *users = total.tolist()
        for weight, some in zip(weights, users, strict=True):
            if some and weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        self._one_asked = stopping > 0
        return without_room == 0
