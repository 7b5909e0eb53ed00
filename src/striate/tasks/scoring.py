"""A network's answers on many pictures, judged by its task."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

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
