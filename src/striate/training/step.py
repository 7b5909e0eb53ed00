"""One step of learning: by back-propagation and an optimizer, or by a network's own rule."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from striate.data.loader import Batch
from striate.host.memory import no_room_errors
from striate.learning.finetune import FineTuning
from striate.learning.optim import Hyper, make_optimizer
from striate.learning.rule import LearningRule
from striate.runs.folder.recipe import PRECISIONS, Plan
from striate.tasks.task import AnyTask, Outputs
from striate.training.ranks.team import Team

Tensors = Mapping[str, Tensor]
# The prefix of the gradient scaler's entries in a learner's state.
SCALER = "scaler"


@dataclass(frozen=True)
class Outcome:
    """The mean loss of a batch and the sum of its pictures' scores, both from before the weights change.

    `right` counts the pictures answered rightly; for regression it is the sum of what each adds to R2.
    """

    loss: float
    right: float


class NotFiniteError(ArithmeticError):
    """The loss, the gradient or a weight is infinite or NaN after a step; the text says which."""


class Learner(Protocol):
    """A way to learn from one batch at a time, with a state that a checkpoint can hold."""

    @property
    def fewest(self) -> int:
        """The smallest micro-batch; 0 where a smaller one than asked for must not be tried."""

    def step(self, batch: Batch, *, lr: float, progress: float, at_once: int, of: int = 0) -> Outcome:
        """Make one step by a batch, in micro-batches of `at_once` pictures.

        `progress` is the share of the run that is done, from 0 to 1. `of` is the number of pictures of the whole step
        where the batch is one rank's share of it, else 0. Raises NotFiniteError, after which network and state are of
        no use, and NoRoomError, after which both are as before, unless `fewest` is 0.
        """

    def tensors(self) -> Tensors:
        """Return the state beside the network's own, such as the optimizer's."""

    def restore(self, tensors: Tensors) -> None:
        """Take over a state that `tensors` returned."""


class Forward:
    """A network's forward pass, by autocast in a precision of PRECISIONS; the outputs are float32.

    Weights, their gradients and the optimizer stay in float32 (Micikevicius et al. 2018, arXiv:1710.03740).
    torch.compile compiles once for each batch shape, so that a step does not depend on the shapes before it.
    """

    def __init__(self, model: nn.Module, precision: str = "fp32", *, compiled: bool = False) -> None:
        self._network: Callable[[Tensor], Any] = torch.compile(model, dynamic=False) if compiled else model
        self._type = PRECISIONS[precision]
        self.scales_loss = self._type is torch.float16
        """Whether gradients would vanish in this precision unless the loss is multiplied, by as much as they bear."""

    def __call__(self, images: Tensor) -> Outputs:
        """Return the outputs (B, K), or those of every head, for images (B, C, H, W) float32."""
        if self._type is None:
            outputs: Outputs = self._network(images)
            return outputs
        with torch.autocast(images.device.type, self._type):
            outputs = self._network(images)
        return outputs.float() if isinstance(outputs, Tensor) else [output.float() for output in outputs]


class BackPropagation:
    """Learning by back-propagation and an optimizer; the gradient's norm is clipped to `clip_norm`, 0 meaning never.

    In fp16 the loss is scaled and the gradient unscaled (Micikevicius et al. 2018): a step whose gradient overflows is
    skipped and the scale halved, as torch.amp.GradScaler does; below a scale of 1 an overflow is a NotFiniteError.
    """

    def __init__(
        self,
        model: nn.Module,
        task: AnyTask,
        optimizer: torch.optim.Optimizer,
        *,
        clip_norm: float = 0.0,
        team: Team | None = None,
        forward: Forward | None = None,
    ) -> None:
        self._forward = forward or Forward(model)
        self._task = task
        self._optimizer = optimizer
        self._clip_norm = clip_norm
        self._team = team or Team(model)
        self._parameters = list(model.parameters())
        self._buffers = list(model.buffers())
        self._numbers = _numbers_of(model)
        self._fewest = fewest_at_once(model)
        device = next((parameter.device.type for parameter in self._parameters), "cpu")
        self._scaler = GradScaler(device, enabled=self._forward.scales_loss)

    @property
    def fewest(self) -> int:
        """The smallest micro-batch: 2 with batch norms, else 1; 0 where batch norms span ranks, so none can retry."""
        return 0 if self._team.in_step else self._fewest

    def step(self, batch: Batch, *, lr: float, progress: float, at_once: int, of: int = 0) -> Outcome:
        """Make one step of the optimizer by the gradient of the whole batch's mean loss."""
        # The running statistics of norms, which a micro-batch may move before a later one runs out of memory.
        before = [buffer.clone() for buffer in self._buffers]
        try:
            with self._team.computing(), no_room_errors():
                loss, right = self._gradients(batch, at_once, of or len(batch.images))
        except BaseException:
            self._drop_gradients()
            for buffer, value in zip(self._buffers, before, strict=True):
                buffer.copy_(value)
            raise
        share = len(batch.images) / (of or len(batch.images))
        loss, scored = self._team.add_up(loss, right, share=share)
        self._scaler.unscale_(self._optimizer)
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        length = get_total_norm(gradients)
        if self._clip_norm:
            clip_grads_with_norm_(self._parameters, self._clip_norm, length)
        for group in self._optimizer.param_groups:
            group["lr"] = lr * group.get("share", 1.0)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        # Read after the step is queued, since reading a value waits for the device.
        left_out = self._forward.scales_loss and self._scaler.get_scale() >= 1 and not length.isfinite()
        return Outcome(_finite(loss, self._numbers, gradient=loss if left_out else length), float(scored))

    def tensors(self) -> Tensors:
        """Return the optimizer's state as '<parameter index>.<key>', and the gradient scaler's as 'scaler.<key>'."""
        state: Mapping[int, Mapping[str, Tensor | None]] = self._optimizer.state_dict()["state"]
        return {
            f"{index}.{name}": value
            for index, values in state.items()
            for name, value in values.items()
            if value is not None
        } | {f"{SCALER}.{name}": torch.tensor(value) for name, value in self._scaler.state_dict().items()}

    def restore(self, tensors: Tensors) -> None:
        """Give optimizer and scaler their state, each tensor in the memory order of its parameter."""
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        factor: dict[str, float] = {}
        for full_name, value in tensors.items():
            index, name = full_name.split(".", 1)
            if index == SCALER:
                factor[name] = value.item()
                continue
            like = parameters[int(index)]
            placed = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
            state.setdefault(int(index), {})[name] = placed
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": state})
        if factor:
            self._scaler.load_state_dict(factor)

    def _gradients(self, batch: Batch, at_once: int, of: int) -> tuple[Tensor, float]:
        """Accumulate the gradients of what a batch adds to the mean loss of `of` pictures; return loss and score."""
        self._drop_gradients()
        losses, right = [], 0.0
        number = number_of_parts(of, self._team.size, at_once=at_once, fewest=self._fewest)
        for images, labels in parts(batch, number):
            outputs = self._forward(images)
            loss = self._task.loss(outputs, labels)
            if len(images) < of:
                loss = loss * (len(images) / of)
            self._scaler.scale(loss).backward()
            losses.append(loss.detach())
            right += self._task.score(outputs, labels)
            del outputs, loss  # frees this micro-batch's memory before the next one is computed
        return torch.stack(losses).sum(), right

    def _drop_gradients(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None


class ByRule:
    """Learning by a network's own rule."""

    fewest = 0

    def __init__(self, model: nn.Module, task: AnyTask, rule: LearningRule) -> None:
        self._model = model
        self._task = task
        self._rule = rule
        self._numbers = _numbers_of(model)

    def step(self, batch: Batch, *, lr: float, progress: float, at_once: int, of: int = 0) -> Outcome:
        """Score the batch in eval mode, then let the rule learn from the whole of it, whatever `at_once`."""
        with no_room_errors():
            with torch.no_grad():
                self._model.eval()
                right = self._task.score(self._model(batch.images), batch.labels)
                self._model.train()
            loss = self._rule.step(batch.images, batch.labels, lr=lr, progress=progress)
        return Outcome(_finite(loss, self._numbers), right)

    def tensors(self) -> Tensors:
        """Return nothing: a rule has no state of its own."""
        return {}

    def restore(self, tensors: Tensors) -> None:
        """Take nothing over."""


def number_of_parts(of: int, ranks: int = 1, *, at_once: int, fewest: int = 1) -> int:
    """Return how many micro-batches each rank makes of its share of `of` pictures.

    As many as micro-batches of `at_once` pictures take, but so few that none has under `fewest`. The number is the same
    on every rank, since batch norms that span ranks wait for each other in every micro-batch.
    """
    return max(1, min(math.ceil(math.ceil(of / ranks) / at_once), of // ranks // max(1, fewest)))


def parts(batch: Batch, number: int) -> Iterator[Batch]:
    """Yield a batch as `number` micro-batches of nearly equal size."""
    if number == 1:
        yield batch
        return
    pairs = zip(batch.images.tensor_split(number), batch.labels.tensor_split(number), strict=True)
    for images, labels in pairs:
        yield Batch(images, labels)


def _numbers_of(model: nn.Module) -> list[Tensor]:
    """Return the floating-point parameters and buffers of a network."""
    tensors: Iterable[Tensor] = (*model.parameters(), *model.buffers())
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]


def _finite(loss: Tensor, numbers: list[Tensor], *, gradient: Tensor | None = None) -> float:
    """Return the loss as a number; raises NotFiniteError where it, the gradient or a weight is not finite.

    `gradient` is the gradient's norm. A norm is finite only where every number in it is.
    """
    found = {
        "loss": loss,
        "gradient": loss if gradient is None else gradient,
        "weights": get_total_norm(numbers),
    }
    values = torch.stack([value.detach().float() for value in found.values()]).tolist()
    for name, value in zip(found, values, strict=True):
        if not math.isfinite(value):
            raise NotFiniteError(f"the {name} became {_word(name, value)}")
    return loss.item()


def _word(name: str, value: float) -> str:
    return f"{value}" if name == "loss" else "nan" if math.isnan(value) else "infinite"


def fewest_at_once(model: nn.Module) -> int:
    """Return the fewest pictures a network can be trained on at a time: 2 with batch norms, else 1."""
    return 2 if any(isinstance(module, _BatchNorm) for module in model.modules()) else 1


def back_propagation(
    model: nn.Module, task: AnyTask, plan: Plan, *, tuning: FineTuning, team: Team | None = None
) -> BackPropagation:
    """Return the learner that a plan asks for, with an optimizer of all weights that ever learn."""
    hyper = Hyper(plan.lr, plan.momentum, plan.weight_decay)
    tuning.thaw()
    optimizer = make_optimizer(plan.optimizer, model, hyper)
    tuning.lower_rates(optimizer)
    return BackPropagation(
        model,
        task,
        optimizer,
        clip_norm=plan.clip_norm,
        team=team,
        forward=Forward(model, plan.precision, compiled=plan.compile),
    )
