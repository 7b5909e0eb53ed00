"""What a network gives in training: in fewer bits where that is asked for, and by compiled code."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from striate.tasks.task import Outputs
from striate.training.recipe import PRECISIONS


class Forward:
    """A network's outputs, in float32, its convolutions and products computed in a precision of PRECISIONS.

    Weights, gradients of weights and the optimizer stay in float32 (Micikevicius et al. 2018, arXiv:1710.03740).
    Compiled code is made anew for each shape of a batch, so that a step does not depend on those before it.
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
