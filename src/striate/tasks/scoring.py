"""A network's answers on many pictures, judged by its task."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from striate.host.memory import NoRoomError, no_room_errors, release
from striate.tasks.task import S_co, Task

# What is kept of the outputs (B, K) and the labels of a batch, as Task.judge does.
Judge = Callable[[Tensor, Tensor], tuple[Tensor, ...]]


class Flipped(nn.Module):
    """A network that answers by each picture and its mirror image: (B, C, H, W) -> the merged outputs (B, K)."""

    def __init__(self, model: nn.Module, task: Task[Any, Any]) -> None:
        super().__init__()
        self.model = model
        self._task = task

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs whose probabilities, or numbers, are the mean of both."""
        return self._task.merged([self.model(x), self._task.unflipped(self.model(x.flip(3)))])


def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], task: Task[S_co, Any]) -> S_co:
    """Run a network in eval mode over batches of (images, labels) and return the scores."""
    return task.scores(*judged(model, batches, task.judge))


def judged(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    judge: Judge,
) -> list[Tensor]:
    """Return what `judge` keeps of each picture's outputs and label, off the device; the training flag is put back."""
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        kept = [judge(model(images), labels) for images, labels in batches]
    model.train(was_training)
    return [torch.cat(values).cpu() for values in zip(*kept, strict=True)]


def judged_within(
    model: nn.Module,
    batches: Callable[[], Iterable[tuple[Tensor, Tensor]]],
    judge: Judge,
    *,
    at_once: int,
) -> tuple[list[Tensor], int]:
    """Return what `judged` does, by at most `at_once` pictures, or fewer where memory is short, and how many that were.

    The number is halved until the pictures fit. Raises NoRoomError where not even one does.
    """
    while True:
        some = (part for images, labels in batches() for part in _parts(images, labels, at_once))
        try:
            with no_room_errors():
                return judged(model, some, judge), at_once
        except NoRoomError:
            if at_once == 1:
                raise
        release()
        at_once = math.ceil(at_once / 2)


def _parts(images: Tensor, labels: Tensor, at_once: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield a batch in as few parts as have at most `at_once` pictures, all of about one size."""
    number = math.ceil(len(images) / at_once)
    return zip(images.tensor_split(number), labels.tensor_split(number), strict=True)
