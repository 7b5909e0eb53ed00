"""One step of learning: by back-propagation and an optimizer, or by a network's own rule."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from striate.data.loader import Batch
from striate.rule import LearningRule
from striate.tasks.task import AnyTask

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Outcome:
    """What a batch looked like before the step: its mean loss, and the sum of its pictures' scores.

    `right` counts the pictures answered rightly; for numbers it is the sum of what each adds to R2.
    """

    loss: float
    right: float


class NotFiniteError(ArithmeticError):
    """The loss of a batch is infinite or not a number; `loss` is what it was."""

    def __init__(self, loss: float) -> None:
        super().__init__(loss)
        self.loss = loss


class Learner(Protocol):
    """A way to learn from one batch at a time, with a state that a checkpoint can hold."""

    def step(self, batch: Batch, *, lr: float, progress: float) -> Outcome:
        """Change the network by one batch; `progress` is the share of the run that is done. Raises NotFiniteError."""

    def tensors(self) -> Tensors:
        """Return the state, apart from the network's own."""

    def restore(self, tensors: Tensors) -> None:
        """Take over a state that `tensors` returned."""


class BackPropagation:
    """Learning by the gradient of the task's loss."""

    def __init__(self, model: nn.Module, task: AnyTask, optimizer: torch.optim.Optimizer) -> None:
        self._model = model
        self._task = task
        self._optimizer = optimizer

    def step(self, batch: Batch, *, lr: float, progress: float) -> Outcome:
        """Make one step of the optimizer; where the loss is not finite the weights stay as they were."""
        outputs = self._model(batch.images)
        loss = self._task.loss(outputs, batch.labels)
        value = _finite(loss)
        for group in self._optimizer.param_groups:
            group["lr"] = lr * group.get("share", 1.0)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return Outcome(value, self._task.score(outputs, batch.labels))

    def tensors(self) -> Tensors:
        """Return the optimizer's state as tensors named '<parameter index>.<key>'."""
        state: Mapping[int, Mapping[str, Tensor | None]] = self._optimizer.state_dict()["state"]
        return {
            f"{index}.{name}": value
            for index, values in state.items()
            for name, value in values.items()
            if value is not None
        }

    def restore(self, tensors: Tensors) -> None:
        """Give the optimizer its state, each tensor in the memory order of its parameter."""
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for full_name, value in tensors.items():
            index, name = full_name.split(".", 1)
            like = parameters[int(index)]
            placed = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
            state.setdefault(int(index), {})[name] = placed
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": state})


class ByRule:
    """Learning by a network's own rule."""

    def __init__(self, model: nn.Module, task: AnyTask, rule: LearningRule) -> None:
        self._model = model
        self._task = task
        self._rule = rule

    def step(self, batch: Batch, *, lr: float, progress: float) -> Outcome:
        """Look at the batch as in use, then let the rule learn from it."""
        with torch.no_grad():
            self._model.eval()
            right = self._task.score(self._model(batch.images), batch.labels)
            self._model.train()
        return Outcome(_finite(self._rule.step(batch.images, batch.labels, lr=lr, progress=progress)), right)

    def tensors(self) -> Tensors:
        """Return nothing: a rule has no state of its own."""
        return {}

    def restore(self, tensors: Tensors) -> None:
        """Take nothing over."""


def _finite(loss: Tensor) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise NotFiniteError(value)
    return value
